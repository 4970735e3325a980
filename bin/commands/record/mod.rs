//! `lockstep record`: why a value of a synced record is what it is, and how records that are synced both ways stand.

mod pair;

use clap::{Args, Subcommand};
use jobs::history::{self, Entry, STREAMS};

use self::pair::{Ids, List, Operations, Pair, Separate};
use super::job::list::more;
use crate::app::{App, Session};
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Record {
    /// Show what changed a record, newest first: which run, when, from what to what
    #[command(
        before_help = "Examples:\n  lockstep record history zoho.products 4815000000044208\n  lockstep record history soundtrack.zones U291bmRab25lLDEs -o json\n  lockstep record history supabase.packages 4711"
    )]
    History(History),
    /// List records that are synced both ways, and how each stands
    #[command(
        before_help = "Examples:\n  lockstep record list --status failed\n  lockstep record list --sort lead --connection creatio/acme -o json",
        visible_alias = "ls"
    )]
    List(List),
    /// Show how one stands: its two ids, direction, tries, hashes, and what is wrong
    #[command(
        before_help = "Examples:\n  lockstep record show lead 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88"
    )]
    Show(Ids),
    /// Show what was done or tried for one, newest first, and how long it took
    #[command(
        before_help = "Examples:\n  lockstep record operations lead 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88"
    )]
    Operations(Operations),
    /// Say that a record here and one at Creatio are the same
    #[command(
        before_help = "Examples:\n  lockstep record pair lead 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 410006e1-ca4e-4502-a9ec-e54d922d2c00 --dry-run"
    )]
    Pair(Pair),
    /// Say that a record in review has no counterpart: it is made on the other side
    #[command(before_help = "Examples:\n  lockstep record separate 42 --reason 'another Ann'")]
    Separate(Separate),
}

/// One record.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// What it is a record of: zoho.products, soundtrack.zones, supabase.packages; supabase.links by the profile's id
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
    let session = app.connect().await?;
    let done = match record {
        Record::History(it) => history(app, &session, &it).await,
        Record::List(it) => pair::list(app, &session, &it).await,
        Record::Show(it) => pair::show(app, &session, &it).await,
        Record::Operations(it) => pair::operations(app, &session, &it).await,
        Record::Pair(it) => pair::pair(app, &session, &it).await,
        Record::Separate(it) => pair::separate(app, &session, &it).await,
    };
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
