//! `lockstep journal`: values that a rule or a person wrote over, and the way back.

use clap::{Args, Subcommand};
use jobs::creatio::journal::{self, Entry, Filter};
use jobs::creatio::{Chosen, Sort};
use serde_json::json;
use uuid::Uuid;

use super::conflict::side;
use super::job::list::more;
use super::sync::creatio::{plan::word, sort};
use super::{asked, dry, id};
use crate::app::{App, Session};
use crate::audited::creatio as audited;
use crate::cli::Change;
use crate::output::{Exit, Row, instant, long};

const LONGEST_CELL: usize = 40;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Journal {
    /// List what was written over, newest first
    #[command(
        before_help = "Examples:\n  lockstep journal list\n  lockstep journal list --sort lead --record 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 -o json",
        visible_alias = "ls"
    )]
    List(List),
    /// Put a value back, as an edit of ours that the sync that follows carries over
    #[command(
        before_help = "Examples:\n  lockstep journal undo 12 --dry-run\n  lockstep journal undo 12 --take creatio      of two edits that were merged"
    )]
    Undo(Undo),
}

/// Which entries.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this Creatio
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only these: contact, lead, activity or participant
    #[arg(long, value_name = "SORT", value_parser = sort)]
    sort: Option<Sort>,
    /// Of this record, by its id here
    #[arg(long, value_name = "ID", value_parser = id)]
    record: Option<Uuid>,
    /// Only those with a smaller id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Which entry.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The entry
    id: i64,
    /// Of two edits that were merged, whose: local or creatio
    #[arg(long, value_name = "SIDE", value_parser = side)]
    take: Option<Chosen>,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, journal: Journal) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match journal {
        Journal::List(it) => list(app, &session, &it).await,
        Journal::Undo(it) => undo(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        connection: list.connection.clone(),
        sort: list.sort,
        local_id: list.record,
        before: list.before,
    };
    let page = journal::list(&session.env.pool, &filter, list.limit).await?;
    app.out.list(&page.data, "Nothing was written over.")?;
    more(app, &page, "--before");
    Ok(())
}

async fn undo(app: &App, session: &Session, it: &Undo) -> anyhow::Result<()> {
    let by = asked(app, &it.change);
    let done = audited::undo(&session.client, (it.id, it.take), &by).await?;
    let record = done
        .local_id
        .map_or_else(|| "-".to_owned(), |id| id.to_string());
    let of = format!("the {} of {} {record} back", done.field, done.sort.as_str());
    if dry(app, &it.change, &format!("put {of}"))? {
        return Ok(());
    }
    let words = format!("Put {of}. The sync that follows carries it over.");
    app.out.done(&words, &it.id.to_string(), &json!(done))?;
    Ok(())
}

impl Row for Entry {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "AT",
        "SORT",
        "RECORD",
        "FIELD",
        "EVENT",
        "WAS_HERE",
        "WAS_THERE",
        "NOW",
        "BY",
        "UNDONE_BY",
    ];

    fn cells(&self) -> Vec<String> {
        let cell = |value| long(&word(value), LONGEST_CELL);
        let record = self.local_id.or(self.remote_id);
        vec![
            self.id.to_string(),
            instant(self.at),
            self.sort.as_str().to_owned(),
            record.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            self.field.clone(),
            self.event.clone(),
            cell(&self.lost_local),
            cell(&self.lost_remote),
            cell(&self.now_local),
            self.actor.clone(),
            self.undone_by.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
