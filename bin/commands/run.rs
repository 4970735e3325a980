//! `lockstep run`: what each sync of a listing did.

use clap::{Args, Subcommand};
use jobs::run::{self, Filter, Partition, Run as Ran, Status};

use super::job::list::more;
use crate::app::{App, Session};
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Row, instant, long};

/// Of a failure, in a table.
const LONGEST: usize = 60;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    /// List runs of all syncs, newest first
    #[command(
        before_help = "Examples:\n  lockstep run list\n  lockstep run list --status failed\n  lockstep run list --stream zoho.products --connection zoho/10234695",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one: how it ended, what became of its records, how often it walked
    #[command(before_help = "Examples:\n  lockstep run show 42\n  lockstep run show 42 -o json")]
    Show(One),
}

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this stream, as zoho.products
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Of this company's listing
    #[arg(long, value_name = "ID", conflicts_with = "connection")]
    company: Option<i64>,
    /// Of this connection's listing, as zoho/10234695
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// running, succeeded, partial, held or failed
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only those with a smaller id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One run.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id
    id: i64,
}

/// Does it.
pub(crate) async fn run(app: &App, run: Run) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match run {
        Run::List(it) => list(app, &session, it).await,
        Run::Show(it) => show(app, &session, it.id).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: List) -> anyhow::Result<()> {
    let company = list.company.map(Partition::Company);
    let filter = Filter {
        stream: list.stream,
        partition: company.or(list.connection.map(Partition::Connection)),
        status: list.status,
        before: list.before,
    };
    let page = run::list(&session.env.pool, &filter, list.limit).await?;
    app.out.list(&page.data, "No sync has run.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = run::get(&session.env.pool, id).await?;
    app.out.item(&found)?;
    match found.status {
        Status::Held => app
            .out
            .next(&format!("See what it misses: lockstep sweep show {id}")),
        Status::Partial if found.counters.quarantined > 0 => app.out.next(&format!(
            "See what could not be read: lockstep quarantine list --stream {}",
            found.stream
        )),
        Status::Running | Status::Failed => {
            app.out
                .next(&format!("See its job: lockstep job why {}", found.job_id));
        }
        Status::Succeeded | Status::Partial => {}
    }
    Ok(())
}

fn status(word: &str) -> Result<Status, String> {
    let known = Status::ALL.map(Status::as_str);
    Status::parse(word).ok_or_else(|| did_you_mean(word, &known).unwrap_or_default())
}

impl Row for Ran {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "STREAM",
        "OF",
        "MODE",
        "STATUS",
        "WALKS",
        "PAGES",
        "NEW",
        "CHANGED",
        "SAME",
        "BAD",
        "GONE",
        "HELD",
        "STARTED_AT",
        "ENDED_AT",
        "CAUSE",
    ];

    fn cells(&self) -> Vec<String> {
        let counters = &self.counters;
        let of = match (self.company_id, &self.connection) {
            (Some(id), _) => format!("company:{id}"),
            (None, Some(name)) => name.clone(),
            (None, None) => "-".to_owned(),
        };
        let cause = self.error.as_deref().or(self.sweep.as_deref());
        vec![
            self.id.to_string(),
            self.stream.clone(),
            of,
            self.mode.as_str().to_owned(),
            self.status.as_str().to_owned(),
            self.walks.to_string(),
            self.pages.to_string(),
            counters.created.to_string(),
            (counters.updated + counters.revived).to_string(),
            counters.unchanged.to_string(),
            counters.quarantined.to_string(),
            (self.orphaned + counters.gone).to_string(),
            self.held.to_string(),
            instant(self.started_at),
            self.ended_at.map_or_else(|| "-".to_owned(), instant),
            cause.map_or_else(|| "-".to_owned(), |cause| long(cause, LONGEST)),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
