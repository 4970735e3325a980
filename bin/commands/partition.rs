//! `lockstep partition`: ordered partitions that a dead job holds up, and letting them go on without it.

use clap::{Args, Subcommand};
use engine::{Cursor, PartitionBlock};
use serde_json::json;

use super::job::list::more;
use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::config::suggest::nearest;
use crate::output::{Exit, Fault, Row, instant};

/// So many, the longest first, are looked at for what was meant, and for how much waits.
const KNOWN: u16 = 500;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Partition {
    /// List ordered partitions that a dead job holds up, the longest first
    #[command(
        before_help = "Examples:\n  lockstep partition list\n  lockstep partition list --limit 500 -o csv",
        visible_alias = "ls"
    )]
    List(List),
    /// Let one go on without the dead job, which stays a dead letter
    #[command(
        before_help = "Examples:\n  lockstep partition skip company-42 --reason 'the contact is gone'\n  lockstep job retry 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88      lets the dead job try on instead, in its place"
    )]
    Skip(Skip),
}

/// Which of them.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    after: Option<Cursor<String>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One partition.
#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// Its key
    key: String,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, partition: Partition) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match partition {
        Partition::List(it) => list(app, &session, &it).await,
        Partition::Skip(it) => skip(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let after = list.after.as_ref();
    let page = session.client.blocked_partitions(after, list.limit).await?;
    app.out.list(&page.data, "No partition is held up.")?;
    more(app, &page, "--after");
    Ok(())
}

async fn skip(app: &App, session: &Session, skip: &Skip) -> anyhow::Result<()> {
    let Skip { key, change } = skip;
    // The order is given up for good: whoever misses the job must find out why.
    let reason = change.reason.as_deref().unwrap_or_default();
    if reason.is_empty() && !change.dry_run {
        let what = format!("partition {key} is not skipped without a reason");
        return Err(Fault::new(Exit::Usage, what)
            .fix(format!("lockstep partition skip {key} --reason 'why'"))
            .into());
    }
    let blocked = session.client.blocked_partitions(None, KNOWN).await?.data;
    let asked = asked(app, change);
    let skipped = match audited::skip_dead(&session.client, key, reason, &asked).await {
        Err(engine::Error::NoSuch { .. }) => return Err(not_blocked(key, &blocked).into()),
        done => done?,
    };
    let block = blocked.iter().find(|block| block.partition_key == *key);
    let waiting = block.map_or_else(String::new, |block| format!(" ({} waiting)", block.waiting));
    let what = format!("let partition {key}{waiting} go on without dead job {skipped}");
    if dry(app, change, &what)? {
        return Ok(());
    }
    let words = format!(
        "Partition {key}{waiting} goes on without dead job {skipped}. See it: lockstep dead show {skipped}"
    );
    let value = json!({"partition_key": key, "skipped": skipped});
    app.out.done(&words, key, &value)?;
    Ok(())
}

fn not_blocked(key: &str, blocked: &[PartitionBlock]) -> Fault {
    let known = blocked.iter().map(|block| block.partition_key.as_str());
    let fix = match nearest(key, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "lockstep partition list".to_owned(),
    };
    let what = format!("nothing holds up a partition with the key {key:?}");
    Fault::new(Exit::NotFound, what).fix(fix)
}

impl Row for PartitionBlock {
    const COLUMNS: &'static [&'static str] = &["PARTITION", "DEAD_JOB", "KIND", "SINCE", "WAITING"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.partition_key.clone(),
            self.job_id.to_string(),
            self.kind.clone(),
            instant(self.blocked_at),
            self.waiting.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.partition_key.clone()
    }
}
