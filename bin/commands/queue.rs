//! `lockstep queue`: look at queues, pause and resume them.

use clap::{Args, Subcommand};
use engine::{PauseScope, QueueView};

use super::pause::{self, Subject, unknown};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::output::{Exit, Row, instant, short};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// List queues with what they hold
    #[command(before_help = "Examples:\n  lockstep queue list", visible_alias = "ls")]
    List,
    /// Claim nothing more from a queue, on every node; what runs goes on
    #[command(
        before_help = "Examples:\n  lockstep queue pause default --reason 'Soundtrack maintenance'"
    )]
    Pause(Named),
    /// Claim from it again
    #[command(before_help = "Examples:\n  lockstep queue resume default")]
    Resume(Named),
}

/// One queue.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The queue
    name: String,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, queue: Queue) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match queue {
        Queue::List => match session.client.queues().await {
            Ok(queues) => app
                .out
                .list(&queues, "No queues yet: they appear with their first job.")
                .map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Queue::Pause(named) => match known(&session, &named.name).await {
            Ok(queue) => pause::pause(app, &session, &subject(&queue), &named.change).await,
            Err(error) => Err(error),
        },
        Queue::Resume(named) => match known(&session, &named.name).await {
            Ok(queue) => pause::resume(app, &session, &subject(&queue), &named.change).await,
            Err(error) => Err(error),
        },
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

/// A queue that nobody has heard of is mostly a typing mistake.
async fn known(session: &Session, name: &str) -> anyhow::Result<QueueView> {
    let queues = session.client.queues().await?;
    let mut names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    if let Some(queue) = queues.into_iter().find(|queue| queue.name == name) {
        return Ok(queue);
    }
    names.extend(
        session
            .config
            .worker
            .queues
            .iter()
            .map(|queue| queue.name.clone()),
    );
    if names.iter().any(|known| known == name) {
        let now = session.client.server().await?.now;
        return Ok(QueueView::empty(name, now));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(unknown("queue", name, &names).into())
}

fn subject(queue: &QueueView) -> Subject<'_> {
    Subject {
        scope: PauseScope::Queue,
        name: &queue.name,
        holds: format!(" ({} due, {} running)", queue.available, queue.running),
        next: "Watch: lockstep queue list".into(),
    }
}

impl Row for QueueView {
    const COLUMNS: &'static [&'static str] = &[
        "QUEUE",
        "DUE",
        "SCHEDULED",
        "RUNNING",
        "WAITING",
        "DEAD",
        "OLDEST",
        "PAUSED",
    ];

    fn cells(&self) -> Vec<String> {
        let paused = match (self.paused_at, &self.pause_reason) {
            (Some(at), Some(reason)) => format!("since {} ({reason})", instant(at)),
            (Some(at), None) => format!("since {}", instant(at)),
            (None, _) => "-".to_owned(),
        };
        let oldest = self
            .oldest_age_s
            .map(|age| short(std::time::Duration::from_secs_f64(age.max(0.0))));
        vec![
            self.name.clone(),
            self.available.to_string(),
            self.scheduled.to_string(),
            self.running.to_string(),
            self.waiting.to_string(),
            self.dead.to_string(),
            oldest.unwrap_or_else(|| "-".into()),
            paused,
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
