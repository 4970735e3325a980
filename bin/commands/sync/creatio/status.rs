//! How the sync with Creatio stands.

use jobs::creatio::Sort;
use jobs::creatio::record::{self, Count, Overview, Rate};
use serde_json::json;

use super::told::seen;
use crate::app::{App, Session};
use crate::output::{Exit, Format, Row, short};

/// Shows it: of one connection, or of all together.
pub(super) async fn show(
    app: &App,
    session: &Session,
    connection: Option<&str>,
) -> anyhow::Result<Exit> {
    if let Some(name) = connection {
        session.env.connections.find(name)?;
    }
    let overview = record::overview(&session.env.pool, connection).await?;
    if app.out.format != Format::Table {
        app.out
            .done("", connection.unwrap_or("creatio"), &json!(overview))?;
        return Ok(Exit::Ok);
    }
    app.out
        .list(&overview.records, "Nothing was synced with Creatio yet.")?;
    app.out.data(&format!("\n{}", sentence(&overview)))?;
    if !overview.rates.is_empty() {
        app.out.data("\nIn the last day:\n")?;
        app.out.list(&overview.rates, "")?;
    }
    if overview.open_conflicts + overview.proposed_conflicts > 0 {
        app.out
            .next("What a person must settle: lockstep conflict list");
    }
    Ok(Exit::Ok)
}

fn sentence(overview: &Overview) -> String {
    let oldest = match overview.oldest_s {
        Some(seconds) if overview.due > 0 => format!(
            ", the oldest for {}",
            short(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
        ),
        _ => String::new(),
    };
    format!(
        "{} to be looked at now{oldest}, {} later. Conflicts: {} open, {} proposed, {} settled and not yet carried over.\n",
        seen(overview.due),
        overview.later,
        overview.open_conflicts,
        overview.proposed_conflicts,
        overview.resolved_conflicts,
    )
}

fn sort_of(stream: &str) -> String {
    Sort::parse(stream).map_or_else(|| stream.to_owned(), |sort| sort.as_str().to_owned())
}

impl Row for Count {
    const COLUMNS: &'static [&'static str] = &["SORT", "STATUS", "RECORDS"];

    fn cells(&self) -> Vec<String> {
        vec![
            sort_of(&self.stream),
            self.status.clone(),
            self.records.to_string(),
        ]
    }

    fn name(&self) -> String {
        format!("{}:{}", self.stream, self.status)
    }
}

impl Row for Rate {
    const COLUMNS: &'static [&'static str] = &[
        "SORT",
        "DIRECTION",
        "SUCCEEDED",
        "FAILED",
        "RATE",
        "P50",
        "P95",
    ];

    fn cells(&self) -> Vec<String> {
        let all = self.succeeded + self.failed;
        let rate = match all {
            0 => "-".to_owned(),
            _ => format!("{:.1} %", self.succeeded as f64 * 100.0 / all as f64),
        };
        vec![
            sort_of(&self.stream),
            self.direction.clone(),
            self.succeeded.to_string(),
            self.failed.to_string(),
            rate,
            format!("{:.0}ms", self.took_p50_ms),
            format!("{:.0}ms", self.took_p95_ms),
        ]
    }

    fn name(&self) -> String {
        format!("{}:{}", self.stream, self.direction)
    }
}
