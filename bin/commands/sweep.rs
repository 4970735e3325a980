//! `lockstep sweep`: what complete walks missed and did not mark, since it was too much. A person decides.

use clap::{Args, Subcommand};
use jobs::held::{self, Held, Status};
use serde_json::json;

use super::job::list::more;
use super::{asked, may};
use crate::app::{App, Session};
use crate::audited::{self, Decision};
use crate::cli::Change;
use crate::output::{Exit, Format, Row, instant, plural};

/// Ids that a table shows; json has all.
const SHOWN: usize = 50;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Sweep {
    /// List sweeps that wait for a person, newest first
    #[command(
        before_help = "Examples:\n  lockstep sweep list\n  lockstep sweep list --all",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one, with the ids of what would be marked as gone
    #[command(
        before_help = "Examples:\n  lockstep sweep show 42\n  lockstep sweep show 42 -o json"
    )]
    Show(One),
    /// Mark what is missing still as gone; what has been seen or written since stays
    #[command(
        before_help = "Examples:\n  lockstep sweep approve 42 --dry-run\n  lockstep sweep approve 42 --reason 'the shop was closed' --yes"
    )]
    Approve(Act),
    /// Mark nothing; the next complete walk asks again
    #[command(
        before_help = "Examples:\n  lockstep sweep reject 42 --reason 'their listing was broken'"
    )]
    Reject(Act),
}

/// Which sweeps.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that were decided too
    #[arg(long)]
    all: bool,
    /// Only those of earlier runs: the next page
    #[arg(long, value_name = "RUN")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One sweep.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The run that held it
    run: i64,
}

/// One sweep, and why.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The run that held it
    run: i64,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, sweep: Sweep) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match sweep {
        Sweep::List(it) => list(app, &session, &it).await,
        Sweep::Show(it) => show(app, &session, it.run).await,
        Sweep::Approve(it) => approve(app, &session, &it).await,
        Sweep::Reject(it) => reject(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let page = held::list(&session.env.pool, list.all, list.before, list.limit).await?;
    app.out.list(&page.data, "No sweep waits for a person.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn show(app: &App, session: &Session, run: i64) -> anyhow::Result<()> {
    let mut found = held::get(&session.env.pool, run).await?;
    let all = found.candidates.len();
    if app.out.format == Format::Table {
        found.candidates.truncate(SHOWN);
    }
    app.out.item(&found)?;
    if all > found.candidates.len() {
        app.out
            .note(&format!("{} more: -o json", all - found.candidates.len()));
    }
    if found.status == Status::Open {
        app.out.next(&format!(
            "Mark them as gone: lockstep sweep approve {run}. Let them be: lockstep sweep reject {run}"
        ));
    }
    Ok(())
}

async fn approve(app: &App, session: &Session, it: &Act) -> anyhow::Result<()> {
    let run = it.run;
    let held = held::get(&session.env.pool, run).await?;
    let what = format!(
        "mark {} of {} {} as gone",
        plural(held.candidates.len(), "record"),
        held.stream,
        held.partition
    );
    let pool = &session.env.pool;
    if it.change.dry_run {
        // Refused where the change would be.
        let asked = asked(app, &it.change);
        audited::decide_sweep(pool, run, Decision::Approve, None, &asked).await?;
    }
    if !may(app, &it.change, &what)? {
        return Ok(());
    }
    let (asked, reason) = (asked(app, &it.change), it.change.reason.as_deref());
    let done = audited::decide_sweep(pool, run, Decision::Approve, reason, &asked).await?;
    let marked = plural(usize::try_from(done.marked).unwrap_or(0), "record");
    let words = format!(
        "Marked {marked} of {} {} as gone.",
        done.stream, done.partition
    );
    app.out.done(&words, &run.to_string(), &json!(done))?;
    Ok(())
}

async fn reject(app: &App, session: &Session, it: &Act) -> anyhow::Result<()> {
    let (run, reason) = (it.run, it.change.reason.as_deref());
    let (pool, asked) = (&session.env.pool, asked(app, &it.change));
    let done = audited::decide_sweep(pool, run, Decision::Reject, reason, &asked).await?;
    if super::dry(app, &it.change, &format!("reject the sweep of run {run}"))? {
        return Ok(());
    }
    let words = format!(
        "Rejected: {} stay as they are until the next complete walk asks again.",
        plural(done.candidates.len(), "record")
    );
    app.out.done(&words, &run.to_string(), &json!(done))?;
    Ok(())
}

impl Row for Held {
    const COLUMNS: &'static [&'static str] = &[
        "RUN",
        "STREAM",
        "PARTITION",
        "CAUSE",
        "MISSING",
        "KNOWN",
        "STATUS",
        "HELD_AT",
        "DECIDED_BY",
        "MARKED",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.run_id.to_string(),
            self.stream.clone(),
            self.partition.clone(),
            self.cause.clone(),
            self.candidates.len().to_string(),
            self.known.to_string(),
            self.status.as_str().to_owned(),
            instant(self.held_at),
            self.decided_by.clone().unwrap_or_else(|| "-".to_owned()),
            self.marked.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.run_id.to_string()
    }
}
