//! Apply: an answer becomes rows, in the caller's one transaction. Readers see all of it or nothing.

use connectors::page::Item;
use connectors::supabase::{Found, Package};
use engine::Cx;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::enqueue::look_again;
use super::fetch::Fetched;
use super::story::{self, Told};
use super::{Changes, Link};
use crate::plan::fingerprint::fingerprint;
use crate::store::history::By;
use crate::store::{self, storable};
use crate::{Env, Error};

/// What became of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Done(Changes),
    /// Not synced, for a reason that no retry can help: the code.
    Not(&'static str),
}

/// Writes what was fetched, under the fence of the attempt. The profile's row is locked, so that two answers are
/// applied one after the other, and of two the older changes nothing. What is missing is looked for again by a job.
pub(super) async fn apply(
    cx: &Cx<Env>,
    tx: &mut PgConnection,
    profile_id: Uuid,
    fetched: &Fetched,
) -> Result<Applied, Error> {
    cx.checkpoint(tx).await?;
    let applied = write(tx, (cx.job_id(), profile_id), fetched).await?;
    if let (Applied::Done(changes), Fetched::Packages { connection, .. }) = (applied, fetched)
        && changes.missing > 0
    {
        let job = look_again(connection, profile_id);
        cx.client().enqueue_in(tx, &[job]).await?;
    }
    Ok(applied)
}

async fn write(
    tx: &mut PgConnection,
    (job_id, profile_id): (Uuid, Uuid),
    fetched: &Fetched,
) -> Result<Applied, Error> {
    if !store::profile::lock(tx, profile_id).await? {
        return Err(Error::UnknownProfile(profile_id));
    }
    match fetched {
        Fetched::Nobody => {
            store::profile::supersede(tx, profile_id).await?;
            store::profile::asked(tx, profile_id).await?;
            Ok(Applied::Not("unmatched"))
        }
        Fetched::Unsure(reason, candidates) => {
            store::profile::ask(tx, profile_id, reason, &storable(candidates)).await?;
            store::profile::asked(tx, profile_id).await?;
            Ok(Applied::Not("in_review"))
        }
        Fetched::Packages {
            link, hash, found, ..
        } => of_answer(tx, (job_id, profile_id), (link, hash), found).await,
    }
}

async fn of_answer(
    tx: &mut PgConnection,
    (job_id, profile_id): (Uuid, Uuid),
    (link, hash): (&Link, &str),
    found: &Found<Package>,
) -> Result<Applied, Error> {
    // A person may have said another customer while the answer was on its way.
    let now = store::profile::link_of(tx, profile_id).await?;
    let is_ours = |now: &Link| now.customer_id == link.customer_id;
    let by_person = |now: &Link| now.method == "manual" && link.method == "automatic";
    if now
        .as_ref()
        .is_some_and(|now| !is_ours(now) && by_person(now))
    {
        return Ok(Applied::Not("link_changed"));
    }
    let is_others = is_another(now.as_ref(), link, hash);
    let mut events = Vec::new();
    if store::profile::link(tx, profile_id, link, "lockstep").await? {
        events.push(story::link(profile_id, now.as_ref(), Some(link)));
    }
    store::profile::supersede(tx, profile_id).await?;
    let changes = match store::profile::answered(tx, profile_id, hash, found.server_date).await? {
        true => packages(tx, profile_id, found, is_others, &mut events).await?,
        false => Changes::default(),
    };
    let by = By::Job(job_id);
    store::history::write_without_run(tx, &story::partition(profile_id), &by, &events).await?;
    Ok(Applied::Done(changes))
}

/// Brings the rows to the answer, and tells each change.
async fn packages(
    tx: &mut PgConnection,
    profile_id: Uuid,
    found: &Found<Package>,
    is_others: bool,
    events: &mut Vec<Told>,
) -> Result<Changes, Error> {
    let good: Vec<Value> = found.items.iter().filter_map(readable).map(row).collect();
    let mut changes = Changes {
        packages: good.len() as i64,
        bad: (found.items.len() - good.len()) as i64,
        ..Changes::default()
    };
    let answer = Value::Array(good);
    let written = store::package::write(tx, profile_id, &storable(&answer)).await?;
    for (id, before) in &written {
        match before {
            None => changes.created += 1,
            Some(_) => changes.updated += 1,
        }
        let rows = answer.as_array().into_iter().flatten();
        let now = rows.into_iter().find(|row| row["id"] == id.as_str());
        let told = now.and_then(|row| story::of_answer(row, before.as_ref()));
        events.extend(told.map(story::package));
    }
    let named: Option<Vec<String>> = found.items.iter().map(|item| item.id.clone()).collect();
    // A row without an id might be any of those that seem to be missing.
    let Some(named) = named.filter(|_| found.is_whole) else {
        return Ok(changes);
    };
    for (id, is_gone) in store::package::sweep(tx, profile_id, &named, is_others).await? {
        match is_gone {
            true => changes.gone += 1,
            false => changes.missing += 1,
        }
        events.push(story::package(story::of_absent(&id, is_gone)));
    }
    Ok(changes)
}

/// Whether the packages that stand there are another customer's than this answer's. One that was loaded anew under
/// another id has the same hash, and is no other.
pub(super) fn is_another(now: Option<&Link>, link: &Link, hash: &str) -> bool {
    match now {
        Some(now) if now.customer_id == link.customer_id => now.synced_at.is_none(),
        Some(now) => now.stable_hash.as_deref() != Some(hash),
        None => false,
    }
}

pub(super) fn readable(item: &Item<Package>) -> Option<&Package> {
    item.decoded.as_ref().ok()
}

/// As the statement reads it. Decimals and dates are texts: exact.
pub(super) fn row(one: &Package) -> Value {
    let text = |value: Option<String>| value.map_or(Value::Null, Value::from);
    let mut row = json!({
        "id": one.id,
        "site_id": one.crm_package_id,
        "name": one.name,
        "display_name": one.display_name,
        "category": one.category,
        "total_hours": text(one.total_hours.map(|hours| hours.to_string())),
        "used_hours": text(one.used_hours.map(|hours| hours.to_string())),
        "remaining_hours": text(one.remaining_hours.map(|hours| hours.to_string())),
        "pax": one.pax,
        "validity": one.validity,
        "first_used_on": text(one.first_used_on.map(|date| date.to_string())),
        "expires_on": text(one.expires_on.map(|date| date.to_string())),
        "purchased_on": text(one.purchased_on.map(|date| date.to_string())),
    });
    let hash = fingerprint(&row);
    let hash = hash.iter().map(|byte| format!("{byte:02x}"));
    row["hash"] = Value::from(hash.collect::<String>());
    row
}
