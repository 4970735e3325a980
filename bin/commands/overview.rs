//! `lockstep overview`: everything at a glance.

use std::time::Duration;

use engine::{Depth, Figures, Overview, Rollup, Share};

use crate::app::App;
use crate::output::{Exit, Row, instant, plural, short, span_between, sparkline};

/// Lines of a table within the overview.
const MOST_LINES: usize = 20;

/// Does it.
pub(crate) async fn run(app: &App) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let overview = session.client.overview().await;
    session.close().await?;
    let overview = overview?;
    app.out.item(&overview)?;
    if overview.dead > 0 {
        app.out.next("Their causes: lockstep dead groups");
    }
    Ok(Exit::Ok)
}

impl Row for Overview {
    const COLUMNS: &'static [&'static str] = &[
        "AT",
        "WORKERS",
        "DUE",
        "SCHEDULED",
        "RETRYING",
        "RUNNING",
        "WAITING",
        "DEAD",
        "COMPLETED_LAST_HOUR",
        "FAILED_LAST_HOUR",
    ];

    fn cells(&self) -> Vec<String> {
        let sum = |of: fn(&Depth) -> i64| self.depths.rows.iter().map(of).sum::<i64>().to_string();
        vec![
            instant(self.at),
            self.workers_alive.to_string(),
            sum(|depth| depth.available),
            sum(|depth| depth.scheduled),
            sum(|depth| depth.retrying),
            sum(|depth| depth.running),
            sum(|depth| depth.waiting),
            self.dead.to_string(),
            self.hour.completed.to_string(),
            self.hour.failed.to_string(),
        ]
    }

    fn name(&self) -> String {
        "overview".to_owned()
    }

    fn details(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("at", instant(self.at)),
            ("workers", format!("{} alive", self.workers_alive)),
            ("jobs", held(self)),
            ("dead letters", self.dead.to_string()),
            ("last hour", ended(&self.hour)),
            (
                "completed",
                bars(&self.minutes, |figures| figures.completed),
            ),
            ("failed", bars(&self.minutes, |figures| figures.failed)),
            ("took", took(&self.hour)),
        ];
        if !self.depths.rows.is_empty() {
            pairs.push(("held", depths(self)));
        }
        if !self.shares.is_empty() {
            pairs.push(("done", shares(&self.shares)));
        }
        pairs.extend(troubles(self));
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

fn held(overview: &Overview) -> String {
    let sum = |of: fn(&Depth) -> i64| overview.depths.rows.iter().map(of).sum::<i64>();
    let parts = [
        ("due", sum(|depth| depth.available)),
        ("scheduled", sum(|depth| depth.scheduled)),
        ("retrying", sum(|depth| depth.retrying)),
        ("running", sum(|depth| depth.running)),
        ("waiting", sum(|depth| depth.waiting)),
    ];
    let mut text: Vec<String> = parts.map(|(word, count)| format!("{count} {word}")).into();
    let age = overview.at.duration_since(overview.depths.counted_at);
    // The two instants of an overview that counted for itself are milliseconds apart.
    if age.as_secs() >= 1 {
        let age = short(Duration::try_from(age).unwrap_or_default());
        text.push(format!("counted {age} ago"));
    }
    text.join(", ")
}

fn ended(hour: &Figures) -> String {
    format!(
        "{} completed, {} dead, {} cancelled; {} failed",
        hour.completed,
        hour.dead,
        hour.cancelled,
        plural(usize::try_from(hour.failed).unwrap_or(0), "attempt"),
    )
}

fn took(hour: &Figures) -> String {
    match (hour.p50_ms, hour.mean_ms, hour.max_ms) {
        (Some(p50), Some(mean), Some(max)) => {
            format!(
                "half within {}, mean {}, longest {}",
                ms(p50),
                ms(mean),
                ms(max)
            )
        }
        _ => "-".to_owned(),
    }
}

fn bars(minutes: &[Rollup], of: fn(&Figures) -> i64) -> String {
    let counts: Vec<i64> = minutes.iter().map(|minute| of(&minute.figures)).collect();
    sparkline(&counts)
}

fn depths(overview: &Overview) -> String {
    let mut rows = vec![
        [
            "QUEUE",
            "KIND",
            "DUE",
            "SCHEDULED",
            "RETRYING",
            "RUNNING",
            "WAITING",
            "OLDEST",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for depth in &overview.depths.rows {
        let oldest = depth.oldest_due_at.map_or_else(
            || "-".to_owned(),
            |since| span_between(since, overview.depths.counted_at),
        );
        rows.push(vec![
            depth.queue.clone(),
            depth.kind.clone(),
            depth.available.to_string(),
            depth.scheduled.to_string(),
            depth.retrying.to_string(),
            depth.running.to_string(),
            depth.waiting.to_string(),
            oldest,
        ]);
    }
    columns(&rows)
}

fn shares(shares: &[Share]) -> String {
    let mut rows = vec![
        [
            "QUEUE",
            "KIND",
            "COMPLETED",
            "A_MINUTE",
            "DEAD",
            "FAILED",
            "P50",
            "MAX",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for share in shares {
        let span = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), ms);
        rows.push(vec![
            share.queue.clone(),
            share.kind.clone(),
            share.figures.completed.to_string(),
            format!("{:.1}", share.completed_per_minute),
            share.figures.dead.to_string(),
            share.figures.failed.to_string(),
            span(share.figures.p50_ms),
            span(share.figures.max_ms),
        ]);
    }
    columns(&rows)
}

/// What needs a person, one line each; nothing when nothing does.
fn troubles(overview: &Overview) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    let lines = |lines: Vec<String>| lines.join("\n");
    if !overview.pauses.is_empty() {
        let told = overview.pauses.iter().map(|pause| {
            let why = pause
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(" ({reason})"));
            let (scope, since) = (pause.scope.as_str(), instant(pause.paused_at));
            format!(
                "{scope} {} since {since} by {}{why}",
                pause.name, pause.paused_by
            )
        });
        pairs.push(("paused", lines(told.collect())));
    }
    if !overview.breakers_open.is_empty() {
        pairs.push(("breakers open", lines(overview.breakers_open.clone())));
    }
    if !overview.schedules_late.is_empty() {
        pairs.push(("late", lines(overview.schedules_late.clone())));
    }
    pairs
}

/// Lines of columns; what is beyond the most is counted.
fn columns(rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(|column| {
            let cells = rows
                .iter()
                .take(MOST_LINES + 1)
                .filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut lines: Vec<String> = rows
        .iter()
        .take(MOST_LINES + 1)
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect();
    if rows.len() > MOST_LINES + 1 {
        lines.push(format!("… and {} more", rows.len() - MOST_LINES - 1));
    }
    lines.join("\n")
}

fn ms(value: f64) -> String {
    short(Duration::from_secs_f64(value.max(0.0) / 1_000.0))
}
