//! `lockstep worker`: the processes that run jobs.

use clap::{Args, Subcommand};
use engine::{Cursor, WorkerPlace, WorkerView};

use super::job::list::more;
use crate::app::App;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// List workers, the living first
    #[command(
        before_help = "Examples:\n  lockstep worker list\n  lockstep worker list -o csv",
        visible_alias = "ls"
    )]
    List(List),
}

/// Which workers.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<Cursor<WorkerPlace>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Does it.
pub(crate) async fn run(app: &App, worker: Worker) -> anyhow::Result<Exit> {
    let Worker::List(list) = worker;
    let session = app.connect().await?;
    let page = session
        .client
        .workers(list.before.as_ref(), list.limit)
        .await;
    session.close().await?;
    let page = page?;
    app.out
        .list(&page.data, "No workers yet. Start one: lockstep serve")?;
    more(app, &page, "--before");
    Ok(Exit::Ok)
}

impl Row for WorkerView {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "LABEL",
        "STATE",
        "QUEUES",
        "STARTED_AT",
        "SEEN_AT",
        "REFUSED",
    ];

    fn cells(&self) -> Vec<String> {
        let state = match (self.alive, self.stopped_at) {
            (true, _) => "alive",
            (false, Some(_)) => "stopped",
            (false, None) => "lost",
        };
        vec![
            self.id.to_string(),
            self.label.clone(),
            state.to_owned(),
            self.queues.join(" "),
            instant(self.started_at),
            instant(self.seen_at),
            self.refused_settles.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
