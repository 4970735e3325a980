//! `lockstep db eras` and `lockstep db prune`: history by time, and what of it has expired.

use engine::{Era, Pruned};
use serde_json::json;

use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::commands::{asked, dry, may};
use crate::output::{Exit, Row, instant, instant_or_dash, plural};

pub(super) async fn list(app: &App) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = listed(app, &session).await;
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn listed(app: &App, session: &Session) -> anyhow::Result<()> {
    let eras = session.client.eras(session.config.worker.retention).await?;
    app.out.list(&eras, "No eras.")?;
    Ok(())
}

pub(super) async fn prune(app: &App, change: &Change) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = pruned(app, &session, change).await;
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn pruned(app: &App, session: &Session, change: &Change) -> anyhow::Result<()> {
    let keep = session.config.worker.retention;
    let would = session.client.prune_preview(keep).await?;
    let what = format!("delete {}", gone(&would));
    if dry(app, change, &what)? || !may(app, change, &what)? {
        return Ok(());
    }
    let asked = asked(app, change);
    let pruned = audited::prune(&session.client, keep, None, &asked).await?;
    let mut words = format!("Deleted {}.", gone(&pruned));
    if !pruned.busy.is_empty() {
        let busy = pruned.busy.join(", ");
        words.push_str(&format!(" In use, and left for later: {busy}."));
    }
    app.out.done(&words, "history", &json!(pruned))?;
    Ok(())
}

/// As `10,000 ended jobs of 1 era at once, and 3 one by one`.
fn gone(pruned: &Pruned) -> String {
    let jobs: i64 = pruned.emptied.iter().map(|era| era.gone).sum();
    let eras = plural(pruned.emptied.len(), "era");
    format!(
        "{jobs} ended jobs of {eras} at once, and {} one by one",
        pruned.rows
    )
}

impl Row for Era {
    const COLUMNS: &'static [&'static str] = &[
        "ERA", "FROM", "UNTIL", "JOBS", "SIZE", "STAY", "GOES", "EMPTIED",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            instant_or_dash(self.from),
            instant_or_dash(self.until),
            format!("~{}", self.jobs),
            size(self.bytes),
            stays(self.stays),
            self.goes.map_or_else(|| "-".to_owned(), instant),
            instant_or_dash(self.emptied),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

fn stays(stays: Option<i64>) -> String {
    match stays {
        None => "-".to_owned(),
        Some(stays) if stays > Era::MOST_PUT_BACK => format!("over {}", Era::MOST_PUT_BACK),
        Some(stays) => stays.to_string(),
    }
}

/// As `12 MB`.
fn size(bytes: i64) -> String {
    let mut rest = bytes;
    for unit in ["B", "kB", "MB", "GB"] {
        if rest < 10_000 {
            return format!("{rest} {unit}");
        }
        rest /= 1_000;
    }
    format!("{rest} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, said) in [
            (0, "0 B"),
            (9_999, "9999 B"),
            (10_000, "10 kB"),
            (123_456_789, "123 MB"),
            (5_000_000_000_000, "5000 GB"),
            (50_000_000_000_000, "50 TB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }
}
