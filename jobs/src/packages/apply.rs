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
use crate::flow::Bad;
use crate::plan::fingerprint::fingerprint;
use crate::plan::quarantine::is_systemic;
use crate::store::history::By;
use crate::store::{self, storable};
use crate::{Env, Error};

/// What became of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    Done(Changes),
    /// Not synced, for a reason that no retry can help: the code.
    Not(&'static str),
    /// So many rows cannot be read that the fault is not theirs. They are in quarantine; nothing else is written.
    Unreadable {
        bad: u64,
        fetched: u64,
    },
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
            connection,
            link,
            hash,
            found,
        } => {
            let answer = Answer {
                job_id,
                profile_id,
                connection,
                found,
                bad: bad_of(found),
            };
            answer.write(tx, (link, hash)).await
        }
    }
}

/// One bad row is its own fault. Several and no good one are the remote's or ours: `all_bad` of which `bad` are not ignored.
pub(super) fn is_unreadable(found: &Found<Package>, all_bad: usize, bad: u64) -> bool {
    let fetched = found.items.len();
    (bad > 1 && all_bad == fetched) || is_systemic(bad, fetched as u64)
}

/// What the CRM says of one profile's packages, and the job that asked.
struct Answer<'a> {
    job_id: Uuid,
    profile_id: Uuid,
    connection: &'a str,
    found: &'a Found<Package>,
    bad: Vec<Bad>,
}

impl Answer<'_> {
    async fn write(
        &self,
        tx: &mut PgConnection,
        (link, hash): (&Link, &str),
    ) -> Result<Applied, Error> {
        let profile_id = self.profile_id;
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
        let mut kept = None;
        // Before anything else is written; whether it is so depends on what people have said to ignore.
        if self.is_systemic(self.bad.len() as u64) {
            let bad = self.quarantine(tx).await?;
            kept = Some(bad);
            if self.is_systemic(bad) {
                return Ok(Applied::Unreadable {
                    bad,
                    fetched: self.found.items.len() as u64,
                });
            }
        }
        let is_others = is_another(now.as_ref(), link, hash);
        let mut events = Vec::new();
        if store::profile::link(tx, profile_id, link, "lockstep").await? {
            events.push(story::link(profile_id, now.as_ref(), Some(link)));
        }
        store::profile::supersede(tx, profile_id).await?;
        let date = self.found.server_date;
        let changes = match store::profile::answered(tx, profile_id, hash, date).await? {
            true => self.packages(tx, (kept, is_others), &mut events).await?,
            false => Changes::default(),
        };
        let by = By::Job(self.job_id);
        store::history::write_without_run(tx, &story::partition(profile_id), &by, &events).await?;
        Ok(Applied::Done(changes))
    }

    fn is_systemic(&self, bad: u64) -> bool {
        is_unreadable(self.found, self.bad.len(), bad)
    }

    /// Keeps the bad rows as they came; how many of them nobody has said to ignore.
    async fn quarantine(&self, tx: &mut PgConnection) -> Result<u64, Error> {
        if self.bad.is_empty() {
            return Ok(0);
        }
        let whose = (self.connection, self.profile_id);
        let ignored = store::quarantine::keep_of_profile(tx, whose, self.job_id, &self.bad).await?;
        let is_open = |one: &&Bad| !ignored.contains(&one.quarantine_key());
        Ok(self.bad.iter().filter(is_open).count() as u64)
    }

    /// Brings the rows to the answer, and tells each change.
    async fn packages(
        &self,
        tx: &mut PgConnection,
        (kept, is_others): (Option<u64>, bool),
        events: &mut Vec<Told>,
    ) -> Result<Changes, Error> {
        let good: Vec<&Package> = self.found.items.iter().filter_map(readable).collect();
        let open = match kept {
            Some(open) => open,
            None => self.quarantine(tx).await?,
        };
        let mut changes = Changes {
            packages: good.len() as i64,
            bad: open.cast_signed(),
            ignored: self.bad.len() as i64 - open.cast_signed(),
            ..Changes::default()
        };
        let keys: Vec<&str> = good.iter().map(|one| one.id.as_str()).collect();
        let bad: Vec<String> = self.bad.iter().map(Bad::quarantine_key).collect();
        let is_whole = self.found.is_whole;
        store::quarantine::resolve_of_profile(tx, self.profile_id, (&keys, &bad), is_whole).await?;
        self.write_good(tx, &good, &mut changes, events).await?;
        self.sweep(tx, is_others, &mut changes, events).await?;
        Ok(changes)
    }

    async fn write_good(
        &self,
        tx: &mut PgConnection,
        good: &[&Package],
        changes: &mut Changes,
        events: &mut Vec<Told>,
    ) -> Result<(), Error> {
        let rows: Vec<Value> = good.iter().map(|one| row(one)).collect();
        let answer = storable(&Value::from(rows.clone()));
        for (id, before) in store::package::write(tx, self.profile_id, &answer).await? {
            match before {
                None => changes.created += 1,
                Some(_) => changes.updated += 1,
            }
            let now = rows.iter().find(|row| row["id"] == id.as_str());
            let told = now.and_then(|row| story::of_answer(row, before.as_ref()));
            events.extend(told.map(story::package));
        }
        Ok(())
    }

    async fn sweep(
        &self,
        tx: &mut PgConnection,
        is_others: bool,
        changes: &mut Changes,
        events: &mut Vec<Told>,
    ) -> Result<(), Error> {
        let named = self.found.items.iter().map(|item| item.id.clone());
        let named: Option<Vec<String>> = named.collect();
        // A row without an id might be any of those that seem to be missing.
        let Some(named) = named.filter(|_| self.found.is_whole) else {
            return Ok(());
        };
        for (id, is_gone) in store::package::sweep(tx, self.profile_id, &named, is_others).await? {
            match is_gone {
                true => changes.gone += 1,
                false => changes.missing += 1,
            }
            events.push(story::package(story::of_absent(&id, is_gone)));
        }
        Ok(())
    }
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

/// The rows of an answer that cannot be read.
pub(super) fn bad_of(found: &Found<Package>) -> Vec<Bad> {
    let bad = found.items.iter().filter_map(|item| {
        let error = item.decoded.as_ref().err()?.clone();
        // A vendor's JSON that we cannot hold is kept as its text.
        let raw = serde_json::from_str(item.raw.get());
        let raw = raw.unwrap_or_else(|_| Value::from(item.raw.get()));
        Some(Bad::of(item.id.clone(), error, raw))
    });
    bad.collect()
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
