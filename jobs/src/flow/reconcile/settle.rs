//! Settle: what became of a batch, in one transaction under the attempt's fence: rows here, bases, intents, journal,
//! conflicts, and what is to be looked at again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use engine::Cx;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::book::Book;
use super::decide::{What, pulled};
use super::ground::{Ground, Rules};
use super::write::{Ready, Sent};
use crate::creatio::Sort;
use crate::creatio::conflict::Status as ConflictStatus;
use crate::plan::reconcile::{Act, Fields, Plan, Side};
use crate::store::creatio::local::{Local, Patch};
use crate::store::creatio::observed::Observed;
use crate::store::creatio::site::Site;
use crate::store::creatio::{
    conflict, dirty, intent, journal, link, local, observed, operation, site,
};
use crate::{Env, Error, store};

/// Settles the batch; if the database refuses a record of it, each by itself, so that one holds up no other.
pub(super) async fn each(
    cx: &Cx<Env>,
    ground: &Ground,
    (rules, site): (&Arc<Rules>, Site),
    ready: Vec<Ready>,
) -> Result<(), Error> {
    match settle(cx, ground, rules, site, ready.clone()).await {
        Err(Error::Database(sqlx::Error::Database(refused)))
            if refused.code().is_some_and(|code| is_of_record(&code)) => {}
        other => return other,
    }
    for one in ready {
        let alone = settle(cx, ground, rules, site, vec![one.clone()]).await;
        if let Err(Error::Database(sqlx::Error::Database(refused))) = &alone
            && refused.code().is_some_and(|code| is_of_record(&code))
        {
            let refused = Ready {
                what: What::Fail {
                    code: "not_storable",
                    detail: Value::Null,
                },
                ..one
            };
            settle(cx, ground, rules, site, vec![refused]).await?;
        } else {
            alone?;
        }
    }
    Ok(())
}

/// Settles the cases that this job still holds.
async fn settle(
    cx: &Cx<Env>,
    ground: &Ground,
    rules: &Arc<Rules>,
    known: Site,
    ready: Vec<Ready>,
) -> Result<(), Error> {
    let (attempt, ground, rules) = (cx.clone(), ground.clone(), rules.clone());
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.checkpoint(tx).await?;
            let of = (ground.connection.as_str(), ground.sort);
            let held: HashSet<(Side, Uuid)> = dirty::held(tx, of.0, of.1, attempt.job_id())
                .await?
                .into_iter()
                .collect();
            let is_held = |one: &Ready| {
                one.case
                    .dirty
                    .as_ref()
                    .is_some_and(|row| held.contains(&(row.side, row.key)))
            };
            let ready: Vec<Ready> = ready.into_iter().filter(is_held).collect();
            let written = write_here(tx, &ground, &ready).await?;
            let mut book = Book::new(&ground, &rules, known);
            for one in &ready {
                book.enter(one, written.get(&one.case.local_id.unwrap_or_default()));
            }
            keep(tx, &ground, attempt.job_id(), book).await
        })
    })
    .await
}

/// Writes the local rows that still stand as they were planned from; how they are then.
async fn write_here(
    tx: &mut PgConnection,
    ground: &Ground,
    ready: &[Ready],
) -> Result<HashMap<Uuid, Local>, Error> {
    let (connection, sort) = (ground.connection.as_str(), ground.sort);
    local::write_as_sync(tx).await?;
    let (mut patches, mut creates) = (Vec::new(), Vec::new());
    for one in ready {
        match (patch(one), one.case.local_id) {
            (Some(Here::Patch(patch)), _) => patches.push(patch),
            (Some(Here::Create(fields)), Some(id)) => creates.push((id, fields)),
            _ => {}
        }
    }
    let mut written = HashMap::new();
    if !creates.is_empty() {
        local::create(tx, connection, sort, &creates).await?;
        let ids: Vec<Uuid> = creates.iter().map(|(id, _)| *id).collect();
        for row in local::load(tx, connection, sort, &ids).await? {
            written.insert(row.id, row);
        }
    }
    if !patches.is_empty() {
        let ids: Vec<Uuid> = patches.iter().map(|patch| patch.id).collect();
        let free = local::lock(tx, connection, sort, &ids).await?;
        patches.retain(|patch| free.contains(&patch.id));
        for row in local::update(tx, connection, sort, &patches).await? {
            written.insert(row.id, row);
        }
    }
    Ok(written)
}

enum Here {
    Patch(Patch),
    Create(Fields),
}

/// What a case writes here.
fn patch(one: &Ready) -> Option<Here> {
    let What::Do(planned) = &one.what else {
        return None;
    };
    let row = one.case.local.as_ref();
    let of = |fields: Fields, deletes| {
        let row = row?;
        Some(Here::Patch(Patch {
            id: row.id,
            version: row.version,
            fields,
            deletes,
        }))
    };
    match &planned.plan {
        Plan::Create {
            on: Side::Local,
            fields,
            ..
        } => match row {
            Some(_) => of(fields.clone(), Some(false)),
            None => Some(Here::Create(fields.clone())),
        },
        Plan::Delete {
            on: Side::Local, ..
        } => of(Fields::new(), Some(true)),
        Plan::Fields(plans) => {
            let is_refused = matches!(one.sent, Sent::Rejected(_));
            if !matches!(one.sent, Sent::Nothing | Sent::Done(_) | Sent::Rejected(_)) {
                return None;
            }
            let goes = plans
                .iter()
                .filter(|(_, plan)| !(is_refused && matches!(plan.act, Act::Both { .. })));
            let values =
                goes.filter_map(|(name, plan)| Some((name.clone(), pulled(plan)?.clone())));
            let fields: Fields = values.collect();
            if fields.is_empty() {
                None
            } else {
                of(fields, None)
            }
        }
        _ => None,
    }
}

/// Writes the book down.
async fn keep(
    tx: &mut PgConnection,
    ground: &Ground,
    job_id: Uuid,
    book: Book<'_>,
) -> Result<(), Error> {
    let (connection, sort) = (ground.connection.as_str(), ground.sort);
    let of = (connection, sort);
    end_intents(tx, of, job_id, &book.ends).await?;
    for (id, ids) in &book.names {
        link::name(tx, *id, *ids).await?;
    }
    link::leave(tx, &book.standings).await?;
    let seen = newest(book.seen);
    if !seen.is_empty() {
        observed::put(tx, connection, sort, &seen).await?;
    }
    if !book.buried.is_empty() {
        observed::bury(tx, connection, sort, &book.buried).await?;
    }
    conflict::end(tx, &book.applied, (ConflictStatus::Applied, "applied")).await?;
    conflict::end(tx, &book.superseded, (ConflictStatus::Superseded, "agreed")).await?;
    for (id, why) in &book.refused {
        conflict::reopen(tx, *id, why).await?;
    }
    if !book.conflicts.is_empty() {
        conflict::find(tx, of, job_id, &book.conflicts).await?;
    }
    if !book.lost.is_empty() {
        journal::write(tx, of, job_id, &book.lost).await?;
    }
    if !book.done.is_empty() {
        operation::write(tx, of, job_id, &book.done).await?;
    }
    if book.learnt != Site::default() {
        site::learn(tx, connection, book.learnt).await?;
    }
    if !book.wakes.is_empty() {
        dirty::wake(tx, connection, sort, &book.wakes).await?;
    }
    dirty::release(tx, connection, sort, job_id, &book.releases).await
}

/// Ends intents. What those that were acked have written over stands in the journal then, and the decisions they
/// carried out are applied.
pub(super) async fn end_intents(
    tx: &mut PgConnection,
    of: (&str, Sort),
    job_id: Uuid,
    ends: &[intent::End],
) -> Result<(), Error> {
    let lost = intent::end(tx, ends).await?;
    if lost.is_empty() {
        return Ok(());
    }
    let applied: Vec<i64> = lost.iter().filter_map(|one| one.conflict_id).collect();
    conflict::end(tx, &applied, (ConflictStatus::Applied, "applied")).await?;
    journal::write(tx, of, job_id, &lost).await
}

/// Of several looks at one record the newest: two cases may turn out to be one record.
fn newest(seen: Vec<Observed>) -> Vec<Observed> {
    let mut newest: HashMap<Uuid, Observed> = HashMap::new();
    for one in seen {
        match newest.get(&one.id) {
            Some(known) if known.modified_at > one.modified_at => {}
            _ => drop(newest.insert(one.id, one)),
        }
    }
    newest.into_values().collect()
}

/// Values that do not fit, and constraints that a record breaks.
fn is_of_record(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23")
}
