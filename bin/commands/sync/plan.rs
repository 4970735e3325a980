//! What a sync would do, for people: the counts, and each difference.

use jobs::packages::{self, ProfilePreview};
use jobs::{Preview, RecordChange};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, Format, Progress, plural};

/// Differences that a table shows; json has up to a thousand.
const SHOWN: usize = 50;
/// Profiles whose differences json has. All are counted.
const MOST_TOLD: usize = 1_000;

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

/// What a sync of profiles would do. One's failure stops no other.
pub(super) async fn of_profiles(
    app: &App,
    session: &Session,
    ids: &[Uuid],
) -> anyhow::Result<Exit> {
    let (mut told, mut failed, mut shown) = (Vec::new(), 0, 0);
    let mut progress = Progress::new(&app.out);
    for (nth, id) in ids.iter().enumerate() {
        progress.at(nth as u64, ids.len() as u64, "asked for");
        match packages::preview(&session.env, *id).await {
            Ok(one) => {
                let text = of_profile(&one);
                if app.out.format == Format::Table && shown < SHOWN && !text.is_empty() {
                    app.out.data(&text)?;
                    shown += 1;
                }
                told.push(one);
            }
            Err(error) if ids.len() > 1 => {
                app.out.note(&format!("✗ Profile {id}: {}", error.code()));
                failed += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    progress.finish();
    let with = |event: &str| {
        let all = told.iter().flat_map(|one| &one.changes);
        all.filter(|change| change.event == event).count()
    };
    let events = ["created", "updated", "revived", "missing", "gone"];
    let [created, updated, revived, missing, gone] = events.map(with);
    let synced = told.iter().filter(|one| one.status == "synced").count();
    let words = format!(
        "Would sync {synced} of {}: create {created}, change {updated}, revive {revived}, miss {missing} and mark {gone} as gone; {} would wait or are nobody, {failed} could not be asked for. Nothing was changed.",
        plural(ids.len(), "profile"),
        told.len() - synced,
    );
    told.retain(|one| one.status != "synced" || one.link.is_some() || !one.changes.is_empty());
    let is_cut = told.len() > MOST_TOLD;
    told.truncate(MOST_TOLD);
    let value = json!({
        "dry_run": true, "profiles": ids.len(), "would_sync": synced, "failed": failed,
        "created": created, "updated": updated, "revived": revived, "missing": missing, "gone": gone,
        "changes": told, "is_cut": is_cut,
    });
    app.out.done(&words, "dry run", &value)?;
    Ok(if failed > 0 { Exit::Partial } else { Exit::Ok })
}

/// Nothing for a profile that would stay as it is.
fn of_profile(one: &ProfilePreview) -> String {
    let mut lines = Vec::new();
    match (&one.link, &one.reason) {
        (Some((customer, percent)), _) => {
            lines.push(format!("is customer {customer} ({percent} %)"));
        }
        (None, Some(reason)) => lines.push(format!("waits for a person: {reason}")),
        (None, None) if one.status != "synced" => lines.push(one.status.clone()),
        (None, None) => {}
    }
    lines.extend(one.changes.iter().map(line));
    let of_it = |line: &String| format!("{}  {}\n", one.profile_id, crate::output::clean(line));
    lines.iter().map(of_it).collect()
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
        counters.unchanged + counters.stale,
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
