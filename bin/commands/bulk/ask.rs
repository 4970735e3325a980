//! Which jobs a verb means: those with ids, which it acts on at once, or all that a filter means, which
//! it acts on by a bulk act: shown first, confirmed, and then done whatever becomes of this process.

use std::time::Duration;

use clap::Args;
use engine::{BulkAct, BulkPreview, Canary, Filter, NewBulk};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{rate, view, wait};
use crate::app::{App, Session};
use crate::cli::Change;
use crate::commands::job::list::Terms;
use crate::commands::may;
use crate::config::parse_duration;
use crate::output::{Exit, Fault, Format};

/// Some jobs by their ids, or all that are meant.
#[derive(Debug, Default, Args)]
pub(in crate::commands) struct Many {
    /// The jobs
    #[arg(value_name = "ID", value_parser = crate::commands::id)]
    pub(in crate::commands) ids: Vec<Uuid>,
    #[command(flatten)]
    meant: Meant,
}

/// All that a filter means.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Many at once")]
struct Meant {
    #[command(flatten)]
    terms: Terms,
    /// All there are
    #[arg(long)]
    all: bool,
    /// So many first, and the rest only when these did well; 5 unless said
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5", value_parser = clap::value_parser!(u16).range(1..))]
    canary: Option<u16>,
    /// How long the first are waited for
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = parse_duration)]
    canary_wait: Duration,
    /// How many of the first may die again
    #[arg(long, value_name = "N", default_value_t = 0)]
    tolerate: u16,
    /// At most so many: 50/s, 600/m, 100/h
    #[arg(long, value_name = "PACE", value_parser = rate::parse)]
    rate: Option<f64>,
    /// Jobs a transaction
    #[arg(long, value_name = "N", default_value_t = engine::DEFAULT_CHUNK, value_parser = clap::value_parser!(u16).range(1..=i64::from(engine::LARGEST_CHUNK)))]
    chunk: u16,
    /// Do not wait until it is over
    #[arg(long)]
    no_wait: bool,
}

impl Many {
    /// True when ids were given; false when all are meant that a filter means.
    ///
    /// # Errors
    /// Neither, or both.
    pub(in crate::commands) fn by_ids(&self) -> Result<bool, Fault> {
        let is_filtered = !self.meant.terms.filter().terms().is_empty();
        let is_bulk = is_filtered || self.meant.all;
        let fault = |what: &str, fix: &str| Err(Fault::new(Exit::Usage, what).fix(fix));
        match (self.ids.is_empty(), is_bulk) {
            (true, false) => fault(
                "it is not said which jobs are meant",
                "give ids, a --filter, or --all",
            ),
            (false, true) => fault(
                "ids were given, and a filter or --all chooses among all",
                "give either of them",
            ),
            (false, false) if self.meant.canary.is_some() || self.meant.rate.is_some() => fault(
                "jobs with ids are acted on at once",
                "leave out --canary and --rate, or say --filter id:…",
            ),
            (by_ids, _) => Ok(!by_ids),
        }
    }

    fn new_bulk(&self, act: BulkAct, also: Filter, change: &Change) -> NewBulk {
        let meant = &self.meant;
        NewBulk {
            chunk: meant.chunk,
            rate_per_s: meant.rate,
            canary: meant.canary.map(|jobs| Canary {
                jobs,
                wait: meant.canary_wait,
                tolerate: meant.tolerate,
            }),
            reason: change.reason.clone(),
            ..NewBulk::new(act, also.and(meant.terms.filter()))
        }
    }
}

/// What is done, in words, and to which of all that are meant.
pub(in crate::commands) struct Verb {
    /// What.
    pub(in crate::commands) act: BulkAct,
    /// As in "retry 5 jobs".
    pub(in crate::commands) word: &'static str,
    /// As in "retry 5 jobs".
    pub(in crate::commands) noun: &'static str,
    /// Only of these.
    pub(in crate::commands) also: Filter,
    /// For jobs that are run again.
    pub(in crate::commands) patch: Option<Value>,
}

impl Verb {
    /// Of all jobs.
    pub(in crate::commands) fn new(act: BulkAct, word: &'static str) -> Verb {
        Verb {
            act,
            word,
            noun: "job",
            also: Filter::new(),
            patch: None,
        }
    }
}

/// Shows what is meant, asks, begins the act and waits for it.
pub(in crate::commands) async fn act_on_many(
    app: &App,
    session: &Session,
    many: &Many,
    verb: Verb,
    change: &Change,
) -> anyhow::Result<Exit> {
    let (word, noun, patch) = (verb.word, verb.noun, verb.patch.clone());
    let new = NewBulk {
        patch,
        ..many.new_bulk(verb.act, verb.also, change)
    };
    let preview = session.client.preview_bulk(&new).await?;
    if preview.matched == 0 {
        let words = format!("No {noun}s to {word}{}.", which(&new.filter));
        app.out.done(&words, "", &json!({"matched": 0}))?;
        return Ok(Exit::Ok);
    }
    let what = format!(
        "{word} {}{}",
        view::counted(&preview, noun),
        which(&new.filter)
    );
    if change.dry_run {
        return would(app, &preview, &what);
    }
    for line in view::lines(&preview) {
        app.out.note(&line);
    }
    if !may(app, change, &what)? {
        return Ok(Exit::Ok);
    }
    let (bulk, _) = session.client.start_bulk(&new, &app.actor()).await?;
    let id = bulk.id;
    if many.meant.no_wait {
        let words = format!("Bulk act {id} is under way. Watch it: lockstep bulk watch {id}");
        app.out.done(&words, &id.to_string(), &json!(bulk))?;
        return Ok(Exit::Ok);
    }
    app.out.next(&format!(
        "Bulk act {id} goes on without this command. Stop it: lockstep bulk abort {id}"
    ));
    wait::watch(app, session, id).await
}

fn which(filter: &Filter) -> String {
    match filter.terms() {
        [] => String::new(),
        _ => format!(" of {filter}"),
    }
}

fn would(app: &App, preview: &BulkPreview, what: &str) -> anyhow::Result<Exit> {
    let value = json!({"dry_run": true, "would": what, "preview": preview});
    app.out
        .done(&format!("Would {what}. Nothing was changed."), what, &value)?;
    if app.out.format == Format::Table {
        for line in view::lines(preview) {
            app.out.done(&line, "", &Value::Null)?;
        }
    }
    Ok(Exit::Ok)
}
