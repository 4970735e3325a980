//! `lockstep quarantine`: records that a sync could not read, kept as they came.

use clap::{Args, Subcommand};
use jobs::quarantine::{self, Filter, Quarantined, Status};
use serde_json::json;

use super::job::list::more;
use super::{asked, dry};
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Fault, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List records that could not be read, newest first
    #[command(
        before_help = "Examples:\n  lockstep quarantine list\n  lockstep quarantine list --stream zoho.products --status ignored",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one, with the record as it came
    #[command(before_help = "Examples:\n  lockstep quarantine show 7 -o json")]
    Show(One),
    /// Read one again, by a job
    #[command(before_help = "Examples:\n  lockstep quarantine retry 7")]
    Retry(Act),
    /// Let one be as it is, until it changes: its runs are not partial any more
    #[command(
        before_help = "Examples:\n  lockstep quarantine ignore 7 --reason 'a test item of theirs'"
    )]
    Ignore(Act),
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this stream, as zoho.products
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// open, ignored or resolved
    #[arg(long, value_parser = status, default_value = "open")]
    status: Status,
    /// Only those with a smaller id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One record.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id here
    id: i64,
}

/// One record, and why.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// Its id here
    id: i64,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, quarantine: Quarantine) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match quarantine {
        Quarantine::List(it) => list(app, &session, &it).await,
        Quarantine::Show(it) => show(app, &session, it.id).await,
        Quarantine::Retry(it) => retry(app, &session, &it).await,
        Quarantine::Ignore(it) => ignore(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        stream: list.stream.clone(),
        status: Some(list.status),
        before: list.before,
    };
    let page = quarantine::list(&session.env.pool, &filter, list.limit).await?;
    app.out.list(&page.data, "No record is in quarantine.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let mut conn = session.env.pool.acquire().await?;
    let found = quarantine::get(&mut conn, id).await?;
    app.out.item(&found)?;
    if found.status == Status::Open {
        app.out.next(&format!(
            "Read it again: lockstep quarantine retry {id}. Let it be: lockstep quarantine ignore {id} --reason 'why'"
        ));
    }
    Ok(())
}

async fn retry(app: &App, session: &Session, it: &Act) -> anyhow::Result<()> {
    let id = it.id;
    let job = audited::retry_record(&session.client, id, &asked(app, &it.change)).await?;
    if dry(app, &it.change, &format!("read record {id} again"))? {
        return Ok(());
    }
    let words = format!(
        "Job {} reads it again. See how it goes: lockstep job show {}",
        job.id, job.id
    );
    app.out.done(
        &words,
        &job.id.to_string(),
        &json!({"id": id, "job": job.id}),
    )?;
    Ok(())
}

async fn ignore(app: &App, session: &Session, it: &Act) -> anyhow::Result<()> {
    let id = it.id;
    let Some(reason) = it.change.reason.as_deref() else {
        let what = format!("record {id} is not ignored without a reason");
        return Err(Fault::new(Exit::Usage, what)
            .why("whoever misses it must find out why")
            .fix(format!("lockstep quarantine ignore {id} --reason 'why'"))
            .into());
    };
    let asked = asked(app, &it.change);
    let done = audited::ignore_record(&session.env.pool, id, reason, &asked).await?;
    if dry(
        app,
        &it.change,
        &format!("ignore {} {}", done.stream, done.key),
    )? {
        return Ok(());
    }
    let words = format!("{} {} is ignored until it changes.", done.stream, done.key);
    app.out.done(&words, &id.to_string(), &json!(done))?;
    Ok(())
}

fn status(word: &str) -> Result<Status, String> {
    let known = ["open", "ignored", "resolved"];
    Status::parse(word).ok_or_else(|| did_you_mean(word, &known).unwrap_or_default())
}

impl Row for Quarantined {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "STREAM",
        "PARTITION",
        "KEY",
        "FIELD",
        "EXPECTED",
        "TIMES",
        "STATUS",
        "LAST_SEEN",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.stream.clone(),
            self.partition.clone(),
            self.key.clone(),
            self.field.clone(),
            self.expected.clone(),
            self.times.to_string(),
            self.status.as_str().to_owned(),
            instant(self.last_seen_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
