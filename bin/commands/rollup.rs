//! `lockstep rollup`: what ended, by the minute or the hour.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use engine::{Rollup as Point, RollupBy, RollupQuery};
use jiff::Timestamp;

use crate::app::App;
use crate::config::parse_duration;
use crate::output::{Exit, Row, instant, short};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Rollup {
    /// List what ended in each step of time
    #[command(
        before_help = "Examples:\n  lockstep rollup list --since 24h --step 1h --by kind\n  lockstep rollup list --since 7d --step 1d --by state --connection soundtrack/default -o csv",
        visible_alias = "ls"
    )]
    List(List),
}

/// Which rollups.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// From so long ago
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = parse_duration, conflicts_with = "from")]
    since: Duration,
    /// From this instant, as 2026-11-21T10:00:00Z
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// Up to this instant; now unless said
    #[arg(long, value_name = "INSTANT")]
    to: Option<Timestamp>,
    /// Whole minutes between two rows; steps of whole hours reach back 400 days, others 7
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = parse_duration)]
    step: Duration,
    /// Told apart by; may be given several times
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<By>,
    /// Only of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only what ended so: completed, dead, cancelled, retry, crashed, snooze …
    #[arg(long)]
    state: Option<String>,
    /// Only of this connection: the first rate key of a job
    #[arg(long)]
    connection: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Queue,
    Kind,
    State,
    Connection,
}

/// Does it.
pub(crate) async fn run(app: &App, rollup: Rollup) -> anyhow::Result<Exit> {
    let Rollup::List(list) = rollup;
    let session = app.connect().await?;
    let found = find(&session.client, list).await;
    session.close().await?;
    app.out.list(&found?, "Nothing ended in that time.")?;
    Ok(Exit::Ok)
}

async fn find(client: &engine::Client, list: List) -> anyhow::Result<Vec<Point>> {
    let from = match (list.from, list.to) {
        (Some(from), _) => from,
        (None, Some(to)) => before(to, list.since)?,
        (None, None) => before(client.server().await?.now, list.since)?,
    };
    let query = RollupQuery {
        from: Some(from),
        to: list.to,
        step: list.step,
        by: RollupBy {
            queue: list.by.contains(&By::Queue),
            kind: list.by.contains(&By::Kind),
            state: list.by.contains(&By::State),
            connection: list.by.contains(&By::Connection),
        },
        queue: list.queue,
        kind: list.kind,
        state: list.state,
        connection: list.connection,
    };
    Ok(client.rollups(&query).await?)
}

fn before(at: Timestamp, span: Duration) -> anyhow::Result<Timestamp> {
    Ok(at.checked_sub(span)?)
}

impl Row for Point {
    const COLUMNS: &'static [&'static str] = &[
        "AT",
        "OF",
        "COMPLETED",
        "DEAD",
        "CANCELLED",
        "FAILED",
        "PUT_BACK",
        "P50",
        "MEAN",
        "MAX",
    ];

    fn cells(&self) -> Vec<String> {
        let span = |value: Option<f64>| {
            let span = value.map(|ms| short(Duration::from_secs_f64(ms.max(0.0) / 1_000.0)));
            span.unwrap_or_else(|| "-".to_owned())
        };
        let figures = &self.figures;
        vec![
            instant(self.at),
            self.name(),
            figures.completed.to_string(),
            figures.dead.to_string(),
            figures.cancelled.to_string(),
            figures.failed.to_string(),
            figures.put_back.to_string(),
            span(figures.p50_ms),
            span(figures.mean_ms),
            span(figures.max_ms),
        ]
    }

    fn name(&self) -> String {
        let keys = [&self.queue, &self.kind, &self.state, &self.connection];
        let said: Vec<&str> = keys
            .into_iter()
            .flatten()
            .map(|key| if key.is_empty() { "-" } else { key })
            .collect();
        if said.is_empty() {
            return "all".to_owned();
        }
        said.join(" ")
    }
}
