//! What people decide on what is synced with Creatio, and what meetings teach, each with the audit row that tells of
//! it and the job that carries it over.

use engine::Client;
use jobs::creatio::conflict::{self, Conflict, Word};
use jobs::creatio::journal::{self, Entry};
use jobs::creatio::mapping::{self, Checked, Enabled};
use jobs::creatio::meeting::{self, Key, Learnt, Made, Meeting, Once, Updated};
use jobs::creatio::record;
use jobs::creatio::{Chosen, Decision, Sort, reconcile_of, sync_lead_of};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Asked, Told};

/// What a person says of a conflict.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It is settled so.
    Resolve(Decision),
    /// It could be settled so: somebody else must agree.
    Propose(Decision),
    /// As was proposed.
    Approve,
    /// Not as was proposed.
    Decline,
}

/// What was asked for, done now or when it was asked for first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Now(Value),
    Again(Value),
    /// The key was used for another request; nothing was done.
    Other,
}

/// Says something of a conflict. What is decided is carried over by a job in the same transaction.
///
/// # Errors
/// Those of [`conflict::resolve`], [`conflict::propose`], [`conflict::approve`] and [`conflict::decline`].
pub(crate) async fn decide_conflict(
    client: &Client,
    (id, verdict): (i64, &Verdict),
    (note, seen): (Option<&str>, Option<jiff::Timestamp>),
    asked: &Asked,
) -> Result<Conflict, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let by = asked.by.name.as_str();
    let word = Word { by, note, seen };
    let (done, action) = match verdict {
        Verdict::Resolve(decision) => (
            conflict::resolve(&mut tx, id, decision, word).await?,
            "conflict.resolve",
        ),
        Verdict::Propose(decision) => (
            conflict::propose(&mut tx, id, decision, word).await?,
            "conflict.propose",
        ),
        Verdict::Approve => (
            conflict::approve(&mut tx, id, word).await?,
            "conflict.approve",
        ),
        Verdict::Decline => (
            conflict::decline(&mut tx, id, word).await?,
            "conflict.decline",
        ),
    };
    if done.status == conflict::Status::Resolved {
        carry_over(client, &mut tx, &done.connection, by).await?;
    }
    // Values of customers are on no trail: the conflict itself keeps them.
    let told = Told {
        action,
        target: id.to_string(),
        detail: json!({
            "connection": done.connection, "sort": done.sort, "field": done.field, "record": done.local_id,
            "decision": done.decision.as_ref().map(word_of), "note": note,
        }),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(done)
}

/// Settles all undecided conflicts of one field alike; how many there were.
///
/// # Errors
/// Those of [`conflict::resolve_field`].
pub(crate) async fn decide_field(
    client: &Client,
    (connection, sort, field): (&str, Sort, &str),
    decision: &Decision,
    note: Option<&str>,
    asked: &Asked,
) -> Result<i64, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let by = asked.by.name.as_str();
    let word = Word {
        by,
        note,
        seen: None,
    };
    let done = conflict::resolve_field(&mut tx, connection, (sort, field), decision, word).await?;
    if done > 0 {
        carry_over(client, &mut tx, connection, by).await?;
    }
    let told = (done > 0).then(|| Told {
        action: "conflict.resolve_field",
        target: format!("{}.{field}", sort.as_str()),
        detail: json!({"connection": connection, "conflicts": done, "decision": word_of(decision), "note": note}),
    });
    asked.conclude(tx, told).await?;
    Ok(done)
}

/// `value`, or whose: the word of a decision without what a customer's record has.
fn word_of(decision: &Decision) -> &'static str {
    match decision {
        Decision::Take(Chosen::Local) => "local",
        Decision::Take(Chosen::Creatio) => "creatio",
        Decision::Value(_) => "value",
    }
}

/// Has the failed records of these connections looked at again; how many there are.
///
/// # Errors
/// Those of [`record::retry_failed`].
pub(crate) async fn retry_failed(
    client: &Client,
    connections: &[String],
    sort: Option<Sort>,
    asked: &Asked,
) -> Result<i64, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let mut all = 0;
    for connection in connections {
        let some = record::retry_failed(&mut tx, Some(connection), sort).await?;
        if some > 0 {
            carry_over(client, &mut tx, connection, &asked.by.name).await?;
        }
        all += some;
    }
    let told = (all > 0).then(|| Told {
        action: "sync.retry_failed",
        target: connections.join(", "),
        detail: json!({"records": all, "sort": sort}),
    });
    asked.conclude(tx, told).await?;
    Ok(all)
}

/// Puts back a value that was written over.
///
/// # Errors
/// Those of [`journal::undo`].
pub(crate) async fn undo(
    client: &Client,
    (id, take): (i64, Option<Chosen>),
    asked: &Asked,
) -> Result<Entry, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let done = journal::undo(&mut tx, id, take, &asked.by.name).await?;
    carry_over(client, &mut tx, &done.connection, &asked.by.name).await?;
    let told = Told {
        action: "journal.undo",
        target: id.to_string(),
        detail: json!({
            "connection": done.connection, "sort": done.sort, "field": done.field, "record": done.local_id, "take": take,
        }),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(done)
}

/// Puts a mapping into force. One that is in force already changes nothing, and no row tells of it.
///
/// # Errors
/// Those of [`mapping::enable`].
pub(crate) async fn enable_mapping(
    client: &Client,
    checked: &Checked,
    asked: &Asked,
) -> Result<Enabled, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let enabled = mapping::enable(&mut tx, checked, &asked.by.name).await?;
    let version = &enabled.version;
    if enabled.is_new {
        carry_over(client, &mut tx, &version.connection, &asked.by.name).await?;
    }
    let told = enabled.is_new.then(|| Told {
        action: "mapping.set",
        target: version.connection.clone(),
        detail: json!({"version": version.id, "hash": version.hash}),
    });
    asked.conclude(tx, told).await?;
    Ok(enabled)
}

/// Says that two records are one.
///
/// # Errors
/// Those of [`record::pair`].
pub(crate) async fn pair(
    client: &Client,
    (connection, sort): (&str, Sort),
    ids: (Uuid, Uuid),
    asked: &Asked,
) -> Result<(), jobs::Error> {
    let mut tx = client.pool().begin().await?;
    record::pair(&mut tx, connection, sort, ids).await?;
    carry_over(client, &mut tx, connection, &asked.by.name).await?;
    let told = Told {
        action: "record.pair",
        target: ids.0.to_string(),
        detail: json!({"connection": connection, "sort": sort, "remote": ids.1}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(())
}

/// Says that a record in review has no counterpart.
///
/// # Errors
/// Those of [`record::separate`].
pub(crate) async fn separate(client: &Client, id: i64, asked: &Asked) -> Result<(), jobs::Error> {
    let mut tx = client.pool().begin().await?;
    let connection = record::separate(&mut tx, id).await?;
    carry_over(client, &mut tx, &connection, &asked.by.name).await?;
    let told = Told {
        action: "record.separate",
        target: id.to_string(),
        detail: json!({"connection": connection}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(())
}

/// Makes a meeting an activity with participants and tasks.
///
/// # Errors
/// Those of [`meeting::create_activity`].
pub(crate) async fn tell_meeting(
    client: &Client,
    told: &Meeting,
    key: Option<Key<'_>>,
    asked: &Asked,
) -> Result<Heard, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    if let Some(before) = heard_before(&mut tx, key, told).await? {
        tx.rollback().await?;
        return Ok(before);
    }
    let made: Made = meeting::create_activity(&mut tx, told, &asked.by.name).await?;
    if made.created + made.changed > 0 {
        carry_over(client, &mut tx, &made.connection, &asked.by.name).await?;
    }
    let of_it = Told {
        action: "meeting.activity",
        target: made.activity_id.to_string(),
        detail: json!({
            "connection": made.connection, "meeting": made.meeting_id, "created": made.created, "changed": made.changed,
        }),
    };
    let answer = json!(made);
    if let Some(key) = key {
        key.answered(&mut tx, &answer).await?;
    }
    asked.conclude(tx, Some(of_it)).await?;
    Ok(Heard::Now(answer))
}

/// Writes what a meeting taught into a lead.
///
/// # Errors
/// Those of [`meeting::update_lead`].
pub(crate) async fn tell_of_lead(
    client: &Client,
    (lead_id, learnt): (Uuid, &Learnt),
    key: Option<Key<'_>>,
    asked: &Asked,
) -> Result<Heard, jobs::Error> {
    let mut tx = client.pool().begin().await?;
    if let Some(before) = heard_before(&mut tx, key, &(lead_id, learnt)).await? {
        tx.rollback().await?;
        return Ok(before);
    }
    let done: Updated = meeting::update_lead(&mut tx, lead_id, learnt).await?;
    let names: Vec<&String> = done.changes.keys().collect();
    let told = (!names.is_empty()).then(|| Told {
        action: "meeting.lead",
        target: lead_id.to_string(),
        detail: json!({"connection": done.connection, "fields": names}),
    });
    if told.is_some() {
        let job = sync_lead_of(&done.connection, lead_id, &asked.by.name);
        client.enqueue_in(&mut tx, &[job]).await?;
    }
    let answer = json!(done);
    if let Some(key) = key {
        key.answered(&mut tx, &answer).await?;
    }
    asked.conclude(tx, told).await?;
    Ok(Heard::Now(answer))
}

async fn heard_before(
    tx: &mut PgConnection,
    key: Option<Key<'_>>,
    request: &impl Serialize,
) -> Result<Option<Heard>, jobs::Error> {
    let Some(key) = key else { return Ok(None) };
    Ok(match meeting::once(tx, key, request).await? {
        Once::New => None,
        Once::Again(answer) => Some(Heard::Again(answer)),
        Once::Other => Some(Heard::Other),
    })
}

async fn carry_over(
    client: &Client,
    tx: &mut PgConnection,
    connection: &str,
    by: &str,
) -> Result<(), jobs::Error> {
    client
        .enqueue_in(tx, &[reconcile_of(connection, by)])
        .await?;
    Ok(())
}
