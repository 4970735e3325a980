//! `lockstep worker`: the processes that run jobs.

use clap::Subcommand;
use engine::WorkerView;

use crate::app::App;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// List workers, the living first
    #[command(visible_alias = "ls")]
    List,
}

/// Does it.
pub(crate) async fn run(app: &App, worker: Worker) -> anyhow::Result<Exit> {
    let Worker::List = worker;
    let session = app.connect().await?;
    let workers = session.client.workers().await;
    session.close().await?;
    app.out
        .list(&workers?, "No workers yet. Start one: lockstep serve")?;
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
