//! What processes of `lockstep work` cost while there is nothing to do: statements, and memory.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use engine::Client;
use serde::Serialize;

use super::process;
use crate::app::{App, Session};
use crate::output::Row;

/// Until then they begin: they register, and look around more often.
const BEGIN: Duration = Duration::from_secs(15);

/// The statements of a count that show in the next one: two, and a look at the connection when it comes back.
const OF_A_COUNT: i64 = 3;

/// How many are idle. They have the settings and schedules of this database: what comes due meanwhile is carried out.
#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// Processes of `lockstep work`
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    processes: u16,
    /// How long to count
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
}

/// What was counted.
#[derive(Debug, Serialize)]
pub(super) struct Rested {
    processes: u16,
    seconds: u64,
    statements: i64,
    statements_per_second: f64,
    /// The mean of the processes; none where the system does not tell.
    mb_each: Option<f64>,
}

impl Row for Rested {
    const COLUMNS: &'static [&'static str] = &[
        "PROCESSES",
        "SECONDS",
        "STATEMENTS",
        "STATEMENTS/S",
        "MB_EACH",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.processes.to_string(),
            self.seconds.to_string(),
            self.statements.to_string(),
            format!("{:.1}", self.statements_per_second),
            self.mb_each
                .map_or_else(|| "-".into(), |mb| format!("{mb:.1}")),
        ]
    }

    fn name(&self) -> String {
        self.processes.to_string()
    }
}

/// All statements of the database while they idle, whoever makes them.
pub(super) async fn rest(app: &App, session: &Session, how: &Idle) -> anyhow::Result<Rested> {
    let client = &session.client;
    // Before anything begins: most servers have to be told to count.
    statements(client).await?;
    let mut children = (0..how.processes)
        .map(|_| process::spawn(app, session, &["work"]))
        .collect::<anyhow::Result<Vec<_>>>()?;
    tokio::time::sleep(BEGIN).await;
    for child in &mut children {
        process::is_running(child)?;
    }
    let before = statements(client).await?;
    tokio::time::sleep(Duration::from_secs(how.seconds)).await;
    let statements = statements(client).await? - before - OF_A_COUNT;
    let mut resident = Vec::new();
    for child in &mut children {
        process::is_running(child)?;
        resident.extend(child.id().and_then(process::resident_mb));
    }
    process::end_all(children).await?;
    Ok(Rested {
        processes: how.processes,
        seconds: how.seconds,
        statements,
        statements_per_second: statements as f64 / how.seconds as f64,
        mb_each: (!resident.is_empty())
            .then(|| resident.iter().sum::<f64>() / resident.len() as f64),
    })
}

async fn statements(client: &Client) -> anyhow::Result<i64> {
    client.statements_for_bench().await?.context(
        "statements are counted by pg_stat_statements, which this database does not have: add it to \
         shared_preload_libraries, start the server anew, and `create extension pg_stat_statements` here",
    )
}
