//! `lockstep conflict`: fields that both sides have edited, and what a person says of them.

pub(crate) mod view;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jobs::creatio::conflict::{self, Filter, RECORD, Status};
use jobs::creatio::{Chosen, Decision, Sort};
use serde_json::{Value, json};
use uuid::Uuid;

use self::view::of_decision;
use super::job::list::more;
use super::sync::creatio::{sort, the_one};
use super::{asked, dry, id};
use crate::app::{App, Session};
use crate::audited::creatio::{self as audited, Verdict};
use crate::cli::Change;
use crate::output::{Exit, Fault, plural};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Conflicts {
    /// List what waits for a person, newest first
    #[command(
        before_help = "Examples:\n  lockstep conflict list\n  lockstep conflict list --sort lead --field budget\n  lockstep conflict list --status applied",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one: what both sides were, are, and who said what
    #[command(
        before_help = "Examples:\n  lockstep conflict show 7\n  lockstep conflict show 7 -o json"
    )]
    Show(One),
    /// Settle one, or all of one field; the sync that follows carries it over
    #[command(
        before_help = "Examples:\n  lockstep conflict resolve 7 --take creatio\n  lockstep conflict resolve 7 --value 1200.50 --reason 'asked the customer'\n  lockstep conflict resolve --all-of lead.budget --take local --dry-run"
    )]
    Resolve(Resolve),
    /// Say how it could be settled; somebody else must agree
    #[command(
        before_help = "Examples:\n  lockstep conflict propose 7 --take local --reason 'the call was later'"
    )]
    Propose(Propose),
    /// Agree with what somebody else has proposed
    #[command(before_help = "Examples:\n  lockstep conflict approve 7")]
    Approve(Act),
    /// Do not agree: it is open again
    #[command(
        before_help = "Examples:\n  lockstep conflict decline 7 --reason 'the quote says otherwise'"
    )]
    Decline(Act),
}

/// Which conflicts.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this Creatio
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only these: contact, lead, activity or participant
    #[arg(long, value_name = "SORT", value_parser = sort)]
    sort: Option<Sort>,
    /// Only of this field; `*` is the record itself
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Of this record, by its id here
    #[arg(long, value_name = "ID", value_parser = id)]
    record: Option<Uuid>,
    /// open, proposed, resolved, applied or superseded; all that nobody has settled unless said
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<Status>,
    /// Those that are settled too
    #[arg(long, conflicts_with = "status")]
    all: bool,
    /// Only those with a smaller id: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One conflict.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The conflict
    id: i64,
}

/// What it should be.
#[derive(Debug, Clone, Args)]
#[group(id = "decision", required = true, multiple = false)]
pub(crate) struct Said {
    /// Whose value: local or creatio
    #[arg(long, value_name = "SIDE", value_parser = side)]
    take: Option<Chosen>,
    /// Another value: a text as it is, or any JSON
    #[arg(long, value_name = "VALUE")]
    value: Option<String>,
}

/// Which, and what it should be.
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The conflict
    #[arg(required_unless_present = "all_of", conflicts_with = "all_of")]
    id: Option<i64>,
    /// All that nobody has settled of a field, as lead.budget
    #[arg(long, value_name = "SORT.FIELD", value_parser = all_of)]
    all_of: Option<(Sort, String)>,
    /// With --all-of: of this Creatio
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    said: Said,
    /// Refuse if it has changed since then: `updated_at` of what you saw
    #[arg(long, value_name = "INSTANT")]
    seen: Option<Timestamp>,
    #[command(flatten)]
    change: Change,
}

/// Which, and what it could be.
#[derive(Debug, Args)]
pub(crate) struct Propose {
    /// The conflict
    id: i64,
    #[command(flatten)]
    said: Said,
    /// Refuse if it has changed since then: `updated_at` of what you saw
    #[arg(long, value_name = "INSTANT")]
    seen: Option<Timestamp>,
    #[command(flatten)]
    change: Change,
}

/// One conflict, and why.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The conflict
    id: i64,
    /// Refuse if it has changed since then: `updated_at` of what you saw
    #[arg(long, value_name = "INSTANT")]
    seen: Option<Timestamp>,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, conflicts: Conflicts) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match conflicts {
        Conflicts::List(it) => list(app, &session, &it).await,
        Conflicts::Show(it) => show(app, &session, it.id).await,
        Conflicts::Resolve(it) => resolve(app, &session, &it).await,
        Conflicts::Propose(it) => {
            let verdict = Verdict::Propose(it.said.decision());
            decide(app, &session, (it.id, verdict, it.seen), &it.change).await
        }
        Conflicts::Approve(it) => it.say(app, &session, Verdict::Approve).await,
        Conflicts::Decline(it) => it.say(app, &session, Verdict::Decline).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        connection: list.connection.clone(),
        sort: list.sort,
        field: list.field.clone(),
        status: list.status,
        local_id: list.record,
        before: list.before,
    };
    let pool = &session.env.pool;
    let page = match list.status.is_none() && !list.all {
        true => conflict::waiting(pool, &filter, list.limit).await?,
        false => conflict::list(pool, &filter, list.limit).await?,
    };
    let nothing = match filter == Filter::default() && !list.all {
        true => "No conflict waits for a person.",
        false => "There is no such conflict. All there ever were: lockstep conflict list --all",
    };
    app.out.list(&page.data, nothing)?;
    more(app, &page, "--before");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = conflict::show(&session.env.pool, id).await?;
    app.out.item(&found)?;
    match found.status {
        Status::Open => app.out.next(&format!(
            "Settle it: lockstep conflict resolve {id} --take local, or --take creatio{}",
            if found.field == RECORD {
                ""
            } else {
                ", or --value VALUE"
            }
        )),
        Status::Proposed => {
            let seen = found.updated_at;
            app.out.next(&format!(
                "Agree with just this: lockstep conflict approve {id} --seen {seen}"
            ));
            app.out
                .next(&format!("If not: lockstep conflict decline {id}"));
        }
        _ => {}
    }
    Ok(())
}

async fn resolve(app: &App, session: &Session, it: &Resolve) -> anyhow::Result<()> {
    let decision = it.said.decision();
    let (sort, field) = match (&it.all_of, it.id) {
        (Some((sort, field)), _) => (*sort, field.as_str()),
        (None, Some(id)) => {
            let verdict = Verdict::Resolve(decision);
            return decide(app, session, (id, verdict, it.seen), &it.change).await;
        }
        (None, None) => return Err(Fault::new(Exit::Usage, "which conflict?").into()),
    };
    let connection = the_one(session, it.connection.as_deref())?;
    let by = asked(app, &it.change);
    let of = (connection.as_str(), sort, field);
    let note = it.change.reason.as_deref();
    let settled = audited::decide_field(&session.client, of, &decision, note, &by).await?;
    let told = plural(usize::try_from(settled).unwrap_or(0), "conflict");
    let what = format!("settle {told} of {}.{field}", sort.as_str());
    if dry(app, &it.change, &what)? {
        return Ok(());
    }
    let of = sort.as_str();
    let words = match settled {
        0 => {
            format!("No conflict of {of}.{field} waits for a person: there was nothing to settle.")
        }
        _ => format!("Settled {told} of {of}.{field}; the sync that follows carries it over."),
    };
    app.out
        .done(&words, &settled.to_string(), &json!({"settled": settled}))?;
    Ok(())
}

async fn decide(
    app: &App,
    session: &Session,
    (id, verdict, seen): (i64, Verdict, Option<Timestamp>),
    change: &Change,
) -> anyhow::Result<()> {
    // Also a dry run asks the database, and is refused where the change would be.
    let by = asked(app, change);
    let word_of_it = (change.reason.as_deref(), seen);
    let done = audited::decide_conflict(&session.client, (id, &verdict), word_of_it, &by).await?;
    let what = done
        .decision
        .as_ref()
        .map_or_else(String::new, |said| of_decision(said, &done));
    let (would, did) = match &verdict {
        Verdict::Resolve(_) | Verdict::Approve => ("settle", "Settled"),
        Verdict::Propose(_) => ("propose to settle", "Proposed to settle"),
        Verdict::Decline => (
            "decline what was proposed for",
            "Declined what was proposed for",
        ),
    };
    let of = format!(
        "conflict {id} of {} {}{what}",
        done.sort.as_str(),
        done.field
    );
    if dry(app, change, &format!("{would} {of}"))? {
        return Ok(());
    }
    let next = match verdict {
        Verdict::Resolve(_) | Verdict::Approve => {
            " The sync that follows carries it over, if both sides are still so.".to_owned()
        }
        Verdict::Propose(_) => format!(" Somebody else must agree: lockstep conflict approve {id}"),
        Verdict::Decline => " It is open again.".to_owned(),
    };
    app.out
        .done(&format!("{did} {of}.{next}"), &id.to_string(), &json!(done))?;
    Ok(())
}

impl Act {
    async fn say(&self, app: &App, session: &Session, verdict: Verdict) -> anyhow::Result<()> {
        decide(app, session, (self.id, verdict, self.seen), &self.change).await
    }
}

impl Said {
    /// What is no JSON is a text; and a number is kept digit by digit.
    fn decision(&self) -> Decision {
        match (self.take, self.value.as_deref()) {
            (Some(chosen), _) => Decision::Take(chosen),
            (None, Some(text)) => Decision::Value(match serde_json::from_str(text) {
                Ok(Value::Number(_)) | Err(_) => json!(text),
                Ok(value) => value,
            }),
            // One of the two is required.
            (None, None) => Decision::Value(Value::Null),
        }
    }
}

pub(super) fn side(word: &str) -> Result<Chosen, String> {
    match word {
        "local" => Ok(Chosen::Local),
        "creatio" => Ok(Chosen::Creatio),
        _ => Err("expected local or creatio".to_owned()),
    }
}

fn status(word: &str) -> Result<Status, String> {
    let known: Vec<&str> = Status::ALL.iter().map(|one| one.as_str()).collect();
    Status::parse(word).ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

fn all_of(word: &str) -> Result<(Sort, String), String> {
    let expected = || "expected a sort and a field, as lead.budget".to_owned();
    let (of, field) = word.split_once('.').ok_or_else(expected)?;
    Ok((sort(of)?, field.to_owned()))
}
