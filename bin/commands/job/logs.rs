//! `lockstep job logs`: what the handler of a job said.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use engine::{AttemptLog, LogLine};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::found;
use crate::app::{App, Session};
use crate::output::{Exit, Fault, Format, Row, clean, plural};

/// How often to look for more.
const EVERY: Duration = Duration::from_millis(500);
/// Lines of an attempt are written a little after its end.
const LATE: Duration = Duration::from_secs(4);

/// Which lines.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The job
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
    /// Only of this attempt; of the last five that said something unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    attempt: Option<i32>,
    /// Go on until the job has ended
    #[arg(long)]
    follow: bool,
}

/// A line with its attempt.
#[derive(Debug, Serialize)]
struct Said {
    attempt: i32,
    #[serde(flatten)]
    line: LogLine,
}

impl Row for Said {
    const COLUMNS: &'static [&'static str] = &["ATTEMPT", "AT", "LEVEL", "TARGET", "TEXT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.attempt.to_string(),
            time(self.line.at),
            self.line.level.clone(),
            self.line.target.clone(),
            self.line.text.clone(),
        ]
    }

    fn name(&self) -> String {
        self.line.text.clone()
    }
}

pub(super) async fn run(app: &App, session: &Session, logs: &Logs) -> anyhow::Result<Exit> {
    if logs.follow && matches!(app.out.format, Format::Csv | Format::Name) {
        let fault = Fault::new(
            Exit::Usage,
            "--follow writes lines or documents, and no csv or names",
        );
        return Err(fault.fix("add -o jsonl, or nothing").into());
    }
    found(session, logs.id).await?;
    let mut shown = BTreeMap::new();
    if !logs.follow {
        let all = session.client.job_logs(logs.id, logs.attempt).await?;
        if app.out.format == Format::Table {
            if all.is_empty() {
                let who = logs
                    .attempt
                    .map_or_else(|| "It".into(), |attempt| format!("Attempt {attempt}"));
                app.out
                    .note(&format!("{who} said nothing, or it is too long ago."));
            }
            return print(app, &all, &mut shown);
        }
        app.out.list(&fresh(&all, &mut shown), "")?;
        return Ok(Exit::Ok);
    }
    let mut over_since: Option<Instant> = None;
    loop {
        // Asked before the lines: what is said until the end is seen after it.
        let is_over = found(session, logs.id).await?.state.is_terminal();
        let all = session.client.job_logs(logs.id, logs.attempt).await?;
        print(app, &all, &mut shown)?;
        if is_over && over_since.get_or_insert_with(Instant::now).elapsed() >= LATE {
            return Ok(Exit::Ok);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The last lines of the last attempt that said something.
pub(super) async fn last(session: &Session, id: Uuid) -> anyhow::Result<Vec<String>> {
    const LINES: usize = 5;
    let logs = session.client.job_logs(id, None).await?;
    let lines = logs.last().map_or(&[][..], |log| &log.lines);
    let from = lines.len().saturating_sub(LINES);
    Ok(lines[from..]
        .iter()
        .map(|line| format!("{} {} {}", time(line.at), line.level, line.text))
        .collect())
}

/// The lines that were not shown yet; `shown` is the last of each attempt.
fn fresh(logs: &[AttemptLog], shown: &mut BTreeMap<i32, i64>) -> Vec<Said> {
    let mut said = Vec::new();
    for log in logs {
        let last = shown.entry(log.attempt).or_insert(0);
        for line in log.lines.iter().filter(|line| line.n > *last) {
            said.push(Said {
                attempt: log.attempt,
                line: line.clone(),
            });
        }
        *last = log.lines.last().map_or(*last, |line| line.n);
    }
    said
}

/// Prints what is new: lines for people, a document a line for programs.
fn print(app: &App, logs: &[AttemptLog], shown: &mut BTreeMap<i32, i64>) -> anyhow::Result<Exit> {
    for log in logs {
        let before = shown.get(&log.attempt).copied();
        let said = fresh(std::slice::from_ref(log), shown);
        let mut text = String::new();
        if before.is_none() && app.out.format == Format::Table {
            text.push_str(&format!("attempt {}\n", log.attempt));
        }
        let mut last = before.unwrap_or(0);
        for one in &said {
            if app.out.format == Format::Table {
                text.push_str(&line(&one.line, last));
            } else {
                text.push_str(&format!("{}\n", clean(&serde_json::to_string(one)?)));
            }
            last = one.line.n;
        }
        app.out.data(&text)?;
    }
    Ok(Exit::Ok)
}

fn line(line: &LogLine, last: i64) -> String {
    let gap = usize::try_from(line.n - last - 1).unwrap_or(0);
    let gap = match gap {
        0 => String::new(),
        gap => format!("  … {} left out\n", plural(gap, "line")),
    };
    let (at, level, target) = (time(line.at), &line.level, &line.target);
    format!("{gap}  {at} {level:<5} {target}: {}\n", clean(&line.text))
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
}
