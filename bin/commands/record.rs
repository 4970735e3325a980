//! `lockstep record`: why a value of a synced record is what it is.

use clap::{Args, Subcommand};
use jobs::history::{self, Entry, STREAMS};

use super::job::list::more;
use crate::app::{App, Session};
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Record {
    /// Show what changed a record, newest first: which run, when, from what to what
    #[command(
        before_help = "Examples:\n  lockstep record history zoho.products 4815000000044208\n  lockstep record history soundtrack.zones U291bmRab25lLDEs -o json"
    )]
    History(History),
}

/// One record.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// What it is a record of: zoho.products or soundtrack.zones
    #[arg(value_parser = stream)]
    stream: String,
    /// Its id at the remote
    id: String,
    /// Only what was before: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Does it.
pub(crate) async fn run(app: &App, record: Record) -> anyhow::Result<Exit> {
    let Record::History(it) = record;
    let session = app.connect().await?;
    let done = history(app, &session, &it).await;
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn history(app: &App, session: &Session, it: &History) -> anyhow::Result<()> {
    let of = (it.stream.as_str(), it.id.as_str());
    let page = history::list(&session.env.pool, of, it.before, it.limit).await?;
    app.out.list(
        &page.data,
        "No change of such a record is kept. The id is that at the remote.",
    )?;
    more(app, &page, "--before");
    Ok(())
}

fn stream(word: &str) -> Result<String, String> {
    match STREAMS.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(did_you_mean(word, &STREAMS).unwrap_or_default()),
    }
}

/// `price 6 → 7; name Bag → Bags`.
fn words(entry: &Entry) -> String {
    let changes = entry.changes.as_object();
    let word = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "none".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let one = |(name, pair): (&String, &serde_json::Value)| {
        format!("{name} {} → {}", word(&pair[0]), word(&pair[1]))
    };
    let mut all: Vec<String> = changes.into_iter().flatten().map(one).collect();
    all.extend(entry.reason.clone());
    all.join("; ")
}

impl Row for Entry {
    const COLUMNS: &'static [&'static str] = &["AT", "EVENT", "RUN", "BY", "CHANGES"];

    fn cells(&self) -> Vec<String> {
        vec![
            instant(self.at),
            self.event.clone(),
            self.run_id
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            self.actor.clone(),
            words(self),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
