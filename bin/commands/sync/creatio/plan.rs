//! What a sync with Creatio would do: each change as it is found, field by field, and then the counts. Nothing is kept
//! of a change once it is told.

use jobs::creatio::Sort;
use jobs::creatio::preview::{self, Change, FieldChange, Preview};
use serde_json::{Value, json};

use super::told::{of_counts, seen};
use crate::app::{App, Session};
use crate::output::{Exit, Format};

/// Tells it for each connection.
pub(super) async fn show(app: &App, session: &Session, over: &[String]) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    if app.out.format == Format::Json {
        app.out.data("{\"changes\": [")?;
    }
    let mut told = 0_u64;
    let mut broken = None;
    for connection in over {
        let preview = preview::preview(&session.env, connection, |change| {
            if broken.is_none() {
                broken = tell(app, connection, &change, told).err();
            }
            told += 1;
        });
        all.push((connection.clone(), preview.await?));
        if let Some(error) = broken.take() {
            return Err(error.into());
        }
    }
    sum(app, &all)?;
    Ok(Exit::Ok)
}

/// Tells it for one lead.
pub(super) async fn show_lead(
    app: &App,
    session: &Session,
    connection: &str,
    id: uuid::Uuid,
) -> anyhow::Result<Exit> {
    let lead = (Sort::Lead, id);
    let change = preview::preview_one(&session.env, connection, lead).await?;
    if app.out.format == Format::Json {
        app.out.data("{\"changes\": [")?;
    }
    if let Some(change) = &change {
        tell(app, connection, change, 0)?;
    }
    match app.out.format {
        Format::Table if change.is_none() => {
            app.out
                .data("Both sides are alike. Nothing was changed.\n")?;
        }
        Format::Table => app.out.data("Nothing was changed.\n")?,
        Format::Json => app.out.data("], \"dry_run\": true}\n")?,
        Format::Jsonl | Format::Csv | Format::Name => {}
    }
    Ok(Exit::Ok)
}

fn tell(app: &App, connection: &str, change: &Change, before: u64) -> std::io::Result<()> {
    let id = change.local_id.or(change.remote_id).unwrap_or_default();
    match app.out.format {
        Format::Table => app.out.data(&words(change)),
        Format::Csv | Format::Name => app.out.data(&format!("{id}\n")),
        Format::Json | Format::Jsonl => {
            let mut value = json!(change);
            value["connection"] = json!(connection);
            let line = crate::output::json_line(&value)?;
            app.out.data(&match (app.out.format, before) {
                (Format::Json, 0) => line,
                (Format::Json, _) => format!(",\n{line}"),
                _ => format!("{line}\n"),
            })
        }
    }
}

fn sum(app: &App, all: &[(String, Preview)]) -> std::io::Result<()> {
    match app.out.format {
        Format::Table => {
            for (connection, preview) in all {
                app.out.data(&format!(
                    "{connection}: of {}, {} are alike and {} wait for another. A sync would be: {} Nothing was changed.\n",
                    seen(preview.seen),
                    preview.alike,
                    preview.waiting,
                    of_counts(&preview.counts),
                ))?;
            }
            Ok(())
        }
        Format::Json => {
            let sums = all.iter().map(|(connection, preview)| {
                let mut value = json!(preview);
                value["connection"] = json!(connection);
                value
            });
            let sums = crate::output::json_line(&json!(sums.collect::<Vec<_>>()))?;
            app.out.data(&format!(
                "], \"dry_run\": true, \"connections\": {sums}}}\n"
            ))
        }
        Format::Jsonl | Format::Csv | Format::Name => Ok(()),
    }
}

/// A line for the record, and one for each field.
fn words(change: &Change) -> String {
    let id = |id: Option<uuid::Uuid>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let mut text = format!(
        "{:<9} {:<11} here {}  there {}",
        change.verb,
        change.sort.as_str(),
        id(change.local_id),
        id(change.remote_id),
    );
    for word in [&change.direction, &change.code].into_iter().flatten() {
        text.push_str(&format!("  {word}"));
    }
    text.push('\n');
    for field in &change.fields {
        text.push_str(&format!("    {}\n", crate::output::clean(&of_field(field))));
    }
    text
}

fn of_field(field: &FieldChange) -> String {
    let (name, ours, theirs) = (&field.field, word(&field.ours), word(&field.theirs));
    match field.act.as_str() {
        "push" => format!("{name}  there: {theirs} → {}", word(&field.becomes)),
        "pull" => format!("{name}  here: {ours} → {}", word(&field.becomes)),
        "both" => format!(
            "{name}  here {ours}, there {theirs} → {}",
            word(&field.becomes)
        ),
        act => format!("{name}  {act}: here {ours}, there {theirs}"),
    }
}

/// A value for people.
pub(in crate::commands) fn word(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
