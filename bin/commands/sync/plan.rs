//! What a sync would do, for people: the counts, and each difference.

use jobs::{Preview, RecordChange};
use serde_json::{Value, json};

use crate::app::{App, Session};
use crate::output::{Exit, Format};

/// Differences that a table shows; json has up to a thousand.
const SHOWN: usize = 50;

/// What a sync of companies would do. One's failure stops no other.
pub(super) async fn of_companies(
    app: &App,
    session: &Session,
    ids: &[i64],
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    for id in ids {
        match jobs::soundtrack::preview(&session.env, *id).await {
            Ok(preview) => show(app, &preview)?,
            Err(error) if ids.len() > 1 => {
                app.out.note(&format!("✗ Company {id}: {error}"));
                exit = Exit::Partial;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(exit)
}

/// Shows it.
pub(super) fn show(app: &App, preview: &Preview) -> anyhow::Result<()> {
    if app.out.format != Format::Table {
        app.out.done("", &preview.partition, &json!(preview))?;
        return Ok(());
    }
    let mut text = String::new();
    for change in preview.changes.iter().take(SHOWN) {
        text.push_str(&crate::output::clean(&line(change)));
        text.push('\n');
    }
    app.out.data(&text)?;
    let more = preview.changes.len().saturating_sub(SHOWN);
    if more > 0 || preview.is_cut {
        app.out.note("There are more: -o json");
    }
    let counters = preview.counters;
    app.out.data(&format!(
        "Would create {}, change {}, revive {} and leave {} of {} {}; {} could not be read; {} are missing, {}. Nothing was changed.\n",
        counters.created,
        counters.updated,
        counters.revived,
        counters.unchanged,
        preview.stream,
        preview.partition,
        counters.quarantined,
        preview.missing,
        of_sweep(&preview.sweep),
    ))?;
    Ok(())
}

fn of_sweep(word: &str) -> &'static str {
    match word {
        "nothing" => "so none would be marked as gone",
        "swept" => "and would be marked as gone",
        "walk_again" => "and a second walk would decide on them",
        "held_empty" | "held_large" => "and would wait for a person",
        "scope_changed" => "and none would be marked, since the account or its credential is new",
        _ => "and none would be marked, since the walk proves nothing",
    }
}

fn line(change: &RecordChange) -> String {
    let word = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields: Vec<String> = change
        .changes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, pair)| match pair.as_array() {
            Some(pair) if change.event == "created" => format!("{name} {}", word(&pair[1])),
            Some(pair) => format!("{name} {} → {}", word(&pair[0]), word(&pair[1])),
            None => format!("{name} {}", word(pair)),
        })
        .collect();
    format!("{:<11} {}  {}", change.event, change.key, fields.join("; "))
}
