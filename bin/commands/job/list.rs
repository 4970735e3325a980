//! Which jobs a command means: a filter, or flags that are short for terms of one.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;
use engine::{Cursor, Filter, JobQuery, Label, Page, State, TextKey};
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, shell_word};

/// How long a list searches for jobs that meet a filter.
pub(in crate::commands) const PATIENCE: Duration = Duration::from_secs(5);

/// Terms that jobs and dead letters share.
#[derive(Debug, Default, Args)]
pub(in crate::commands) struct Terms {
    /// Those that meet it: 'kind:zoho.* error:"401" age>2h args.company_id:991' (see docs/filter.md)
    #[arg(short, long, value_name = "FILTER", allow_hyphen_values = true, value_parser = filter)]
    filter: Option<Filter>,
    /// Of this kind, or of all of a system: 'soundtrack.*'; short for kind:
    #[arg(long)]
    kind: Option<String>,
    /// In this queue; short for queue:
    #[arg(long)]
    queue: Option<String>,
    /// With this tag; short for tag:
    #[arg(long)]
    tag: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(in crate::commands) struct Part {
    /// Behind this place: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<Cursor>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    terms: Terms,
    /// available, scheduled, retrying, running, waiting, completed, cancelled or dead; short for state:
    #[arg(long, value_parser = label)]
    state: Option<Label>,
    /// Parts of this job; short for parent:
    #[arg(long, value_name = "ID", value_parser = crate::commands::id)]
    parent: Option<Uuid>,
    #[command(flatten)]
    part: Part,
}

impl Terms {
    /// The one filter that all of it says.
    pub(in crate::commands) fn filter(&self) -> Filter {
        let mut filter = self.filter.clone().unwrap_or_default();
        if let Some(kind) = &self.kind {
            filter = filter.kind(kind);
        }
        if let Some(queue) = &self.queue {
            filter = filter.text(TextKey::Queue, queue);
        }
        if let Some(tag) = &self.tag {
            filter = filter.text(TextKey::Tag, tag);
        }
        filter
    }
}

impl Part {
    /// This part of what a filter means.
    pub(in crate::commands) fn of(&self, filter: Filter) -> JobQuery {
        JobQuery {
            filter,
            before: self.before,
            limit: Some(self.limit),
        }
    }
}

pub(super) async fn run(app: &App, session: &Session, list: List) -> anyhow::Result<Exit> {
    let mut filter = list.terms.filter();
    if let Some(label) = list.state {
        filter = filter.state(label);
    }
    if let Some(parent) = list.parent {
        filter = filter.parent(parent);
    }
    let page = session
        .client
        .search(list.part.of(filter), PATIENCE)
        .await?;
    app.out.list(
        &page.data,
        "No jobs. Make some with `lockstep sync soundtrack` or `lockstep enqueue`.",
    )?;
    more(app, &page, "--before");
    Ok(Exit::Ok)
}

/// Says with which flag the list goes on, and how far it was searched when it could not be filled.
pub(in crate::commands) fn more<T, K: Display>(app: &App, page: &Page<T, K>, flag: &str) {
    let Some(next) = &page.next else { return };
    match &page.searched {
        Some(searched) => app.out.note(&format!(
            "Searched {} rows and stopped. Search on with {flag} {next}, or {}.",
            searched.rows, searched.help
        )),
        None => {
            let place = shell_word(&next.to_string());
            app.out.next(&format!("More: add {flag} {place}"));
        }
    }
}

/// Only dead letters of what a filter means.
pub(in crate::commands) fn dead(filter: Filter) -> Filter {
    Filter::new().state(State::Dead).and(filter)
}

/// A filter as an argument, with its faults drawn below their places.
fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|faults| format!("\n{}", faults.drawn()))
}

fn label(word: &str) -> Result<Label, String> {
    Label::parse(word).ok_or_else(|| {
        let all = Label::ALL.map(Label::as_str);
        let help = crate::config::suggest::did_you_mean(word, &all).unwrap_or_default();
        format!("no such state; {help}")
    })
}
