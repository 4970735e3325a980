//! Records that are synced both ways: how each stands, and what a person says of those that are in review.

use clap::Args;
use jobs::creatio::record::{self, Filter, Operation, Record};
use jobs::creatio::{Sort, Status};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::job::list::more;
use super::super::sync::creatio::{plan::word, sort, the_one};
use super::super::{asked, dry, id};
use crate::app::{App, Session};
use crate::audited::creatio as audited;
use crate::cli::Change;
use crate::output::{Row, instant, instant_or_dash};

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this Creatio
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only these: contact, lead, activity or participant
    #[arg(long, value_name = "SORT", value_parser = sort)]
    sort: Option<Sort>,
    /// pending, in_progress, success, failed, conflict or manual_review
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Option<Status>,
    /// By its id here
    #[arg(long, value_name = "ID", value_parser = id)]
    local: Option<Uuid>,
    /// By its id at Creatio
    #[arg(long, value_name = "ID", value_parser = id)]
    remote: Option<Uuid>,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One record.
#[derive(Debug, Args)]
pub(crate) struct Ids {
    /// What it is: contact, lead, activity or participant
    #[arg(value_parser = sort)]
    sort: Sort,
    /// Its id here
    #[arg(value_parser = id)]
    id: Uuid,
}

/// Which operations.
#[derive(Debug, Args)]
pub(crate) struct Operations {
    #[command(flatten)]
    of: Ids,
    /// Only what was before: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Two that are one.
#[derive(Debug, Args)]
pub(crate) struct Pair {
    #[command(flatten)]
    of: Ids,
    /// Its id at Creatio
    #[arg(value_parser = id)]
    remote: Uuid,
    /// Of this Creatio; the only one need not be named
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// One in review.
#[derive(Debug, Args)]
pub(crate) struct Separate {
    /// Its number in `record list`
    number: i64,
    #[command(flatten)]
    change: Change,
}

pub(super) async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        connection: list.connection.clone(),
        sort: list.sort,
        status: list.status,
        local_id: list.local,
        remote_id: list.remote,
        after: list.after,
    };
    let page = record::list(&session.env.pool, &filter, list.limit).await?;
    let nothing = match (list.status, list.local.or(list.remote)) {
        (Some(_), _) => "No record stands so.",
        (None, Some(_)) => "No sync has looked at such a record.",
        (None, None) => "No sync has looked at a record yet.",
    };
    app.out.list(&page.data, nothing)?;
    more(app, &page, "--after");
    Ok(())
}

pub(super) async fn show(app: &App, session: &Session, it: &Ids) -> anyhow::Result<()> {
    let found = record::show(&session.env.pool, it.sort, it.id).await?;
    app.out.item(&found)?;
    let of = format!("{} {}", it.sort.as_str(), it.id);
    match found.status {
        Status::Conflict => app.out.next(&format!("Settle it: lockstep conflict list --record {}", it.id)),
        Status::ManualReview => app.out.next(&format!(
            "It is one of Creatio's: lockstep record pair {of} ITS-ID. It is none: lockstep record separate {}",
            found.id
        )),
        Status::Failed => {
            app.out.next(of_failure(found.code.as_deref()));
            app.out.next("Then: lockstep sync creatio retry-failed");
        }
        _ => app.out.next(&format!("What was done: lockstep record operations {of}")),
    }
    Ok(())
}

pub(super) async fn operations(
    app: &App,
    session: &Session,
    it: &Operations,
) -> anyhow::Result<()> {
    let of = (it.of.sort, it.of.id);
    let page = record::history(&session.env.pool, of, it.before, it.limit).await?;
    app.out.list(&page.data, "Nothing was done for it yet.")?;
    more(app, &page, "--before");
    Ok(())
}

pub(super) async fn pair(app: &App, session: &Session, it: &Pair) -> anyhow::Result<()> {
    let name = the_one(session, it.connection.as_deref())?;
    let by = asked(app, &it.change);
    let (sort, ids) = (it.of.sort, (it.of.id, it.remote));
    audited::pair(&session.client, (&name, sort), ids, &by).await?;
    let of = format!("{} {} and {} of {name}", sort.as_str(), ids.0, ids.1);
    if dry(app, &it.change, &format!("pair {of}"))? {
        return Ok(());
    }
    let words = format!("Paired {of}. The sync that follows compares them.");
    let value = json!({"connection": name, "sort": sort, "local_id": ids.0, "remote_id": ids.1});
    app.out.done(&words, &ids.0.to_string(), &value)?;
    Ok(())
}

pub(super) async fn separate(app: &App, session: &Session, it: &Separate) -> anyhow::Result<()> {
    let by = asked(app, &it.change);
    audited::separate(&session.client, it.number, &by).await?;
    let number = it.number;
    if dry(
        app,
        &it.change,
        &format!("make record {number} on the other side, as one of its own"),
    )? {
        return Ok(());
    }
    let words = format!(
        "Record {number} is one of its own. The sync that follows makes it on the other side."
    );
    app.out.done(
        &words,
        &number.to_string(),
        &json!({"record": number, "separate": true}),
    )?;
    Ok(())
}

/// What must change before another try can succeed.
fn of_failure(code: Option<&str>) -> &'static str {
    match code {
        Some("unmappable") => {
            "The other side cannot hold what `detail` names: edit it here or at Creatio, or map it otherwise."
        }
        _ => "Mend what `detail` and the code say.",
    }
}

fn status(word: &str) -> Result<Status, String> {
    let known: Vec<&str> = Status::ALL.iter().map(|one| one.as_str()).collect();
    Status::parse(word).ok_or_else(|| format!("expected one of {}", known.join(", ")))
}

fn dash(id: Option<Uuid>) -> String {
    id.map_or_else(|| "-".to_owned(), |id| id.to_string())
}

impl Row for Record {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "SORT",
        "HERE",
        "AT_CREATIO",
        "STATUS",
        "DIRECTION",
        "TRIES",
        "CODE",
        "SYNCED_AT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.sort.as_str().to_owned(),
            dash(self.local_id),
            dash(self.remote_id),
            self.status.as_str().to_owned(),
            self.direction.clone().unwrap_or_else(|| "-".to_owned()),
            self.tries.to_string(),
            self.code.clone().unwrap_or_else(|| "-".to_owned()),
            instant_or_dash(self.synced_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn details(&self) -> Vec<(String, String)> {
        let names = Self::COLUMNS.iter();
        let names = names.map(|name| name.to_lowercase().replace('_', " "));
        let mut all: Vec<_> = names.zip(self.cells()).collect();
        let waits = if self.is_waiting { "yes" } else { "no" };
        let more = [
            ("connection", self.connection.clone()),
            ("state", self.state.clone()),
            (
                "detail",
                self.detail
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), Value::to_string),
            ),
            ("hash here", self.hash_local.clone()),
            ("hash there", self.hash_remote.clone()),
            ("to be looked at", waits.to_owned()),
            ("looked at", instant_or_dash(self.decided_at)),
        ];
        all.extend(more.map(|(name, value)| (name.to_owned(), value)));
        all
    }
}

impl Row for Operation {
    const COLUMNS: &'static [&'static str] = &[
        "AT",
        "VERB",
        "DIRECTION",
        "STATUS",
        "CODE",
        "TOOK",
        "JOB",
        "CHANGES",
    ];

    fn cells(&self) -> Vec<String> {
        let one = |(name, pair): (&String, &Value)| {
            format!("{name} {} → {}", word(&pair[0]), word(&pair[1]))
        };
        let changes: Vec<String> = self.changes.iter().map(one).collect();
        vec![
            instant(self.began_at),
            self.verb.clone(),
            self.direction.clone().unwrap_or_else(|| "-".to_owned()),
            self.status.clone(),
            self.code.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{}ms", self.took_ms),
            dash(self.job_id),
            changes.join("; "),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
