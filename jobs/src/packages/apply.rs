//! Apply: an answer becomes rows, in the caller's one transaction. Readers see all of it or nothing.

use connectors::page::Item;
use connectors::supabase::{Found, Package};
use engine::Cx;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::enqueue::look_again;
use super::fetch::Fetched;
use super::{Changes, Link};
use crate::plan::fingerprint::fingerprint;
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
    let applied = write(tx, profile_id, fetched).await?;
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
    profile_id: Uuid,
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
        } => of_answer(tx, profile_id, (link, hash), found).await,
    }
}

async fn of_answer(
    tx: &mut PgConnection,
    profile_id: Uuid,
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
    store::profile::link(tx, profile_id, link, "lockstep").await?;
    store::profile::supersede(tx, profile_id).await?;
    let mut changes = Changes::default();
    if !store::profile::answered(tx, profile_id, hash, found.server_date).await? {
        return Ok(Applied::Done(changes));
    }
    let good: Vec<&Package> = found.items.iter().filter_map(readable).collect();
    let answer: Value = good.iter().map(|one| row(one)).collect();
    let written = store::package::write(tx, profile_id, &storable(&answer)).await?;
    changes = Changes {
        packages: good.len() as i64,
        bad: (found.items.len() - good.len()) as i64,
        ..written
    };
    let named: Option<Vec<String>> = found.items.iter().map(|item| item.id.clone()).collect();
    // A row without an id might be any of those that seem to be missing.
    if let Some(named) = named.filter(|_| found.is_whole) {
        let swept = store::package::sweep(tx, profile_id, &named, is_others).await?;
        (changes.missing, changes.gone) = swept;
    }
    Ok(Applied::Done(changes))
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
