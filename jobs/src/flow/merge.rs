//! Merge: what a page's records mean for the rows, written with the reason why.

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgConnection;

use super::{Bad, Progress, Record, Stream};
use crate::Error;
use crate::plan::classify::{Class, classify};
use crate::plan::quarantine::is_systemic;
use crate::store;
use crate::store::history::Event;

/// What a page named.
pub(super) struct Named {
    pub(super) keys: Vec<String>,
    /// The page has an id that no earlier page of its walk had, or none at all.
    pub(super) is_news: bool,
}

/// The records of a page, and what else it said of records.
pub(super) struct Haul {
    pub(super) records: Vec<Record>,
    pub(super) bad: Vec<Bad>,
    pub(super) gone: Vec<String>,
}

/// Merges the records, keeps the bad ones, counts both, and gives the ids that the page named.
pub(super) async fn merge<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    haul: Haul,
) -> Result<Named, Error> {
    let Haul { records, bad, gone } = haul;
    let named = records
        .iter()
        .map(|record| record.key.as_str())
        .chain(bad.iter().filter_map(|one| one.key.as_deref()));
    let keys: Vec<String> = named.map(str::to_owned).collect();
    // Ids of earlier pages: a listing that drifts, or another walk, names a record again. It is
    // applied all the same, since this answer is the newer one, and counted as a duplicate.
    let seen = match after.pages {
        1 => HashMap::new(),
        _ => store::page::seen(tx, after.id, after.generation, &keys).await?,
    };
    let is_news = keys.is_empty() || keys.iter().any(|key| seen.get(key) != Some(&true));
    let mut met: HashSet<String> = seen.into_keys().collect();
    write::<S>(tx, after, records, &mut met).await?;
    quarantine::<S>(tx, after, &bad, &mut met).await?;
    mark_gone::<S>(tx, after, &gone).await?;
    store::held::strike(tx, S::NAME, &after.partition, &keys).await?;
    Ok(Named { keys, is_news })
}

async fn write<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    records: Vec<Record>,
    met: &mut HashSet<String>,
) -> Result<(), Error> {
    let records = distinct(after, records);
    if records.is_empty() {
        return Ok(());
    }
    let stored = store::record::stored(tx, &S::TABLE, &after.partition, &records).await?;
    let (mut create, mut update, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for record in &records {
        let (class, changes) = classify(stored.get(&record.key), record);
        match class {
            Class::Created => create.push(record),
            Class::Updated | Class::Revived => update.push(record),
            Class::Unchanged => {}
        }
        // A row that was written for what people do not see has no story.
        if let Some(event) = class.word()
            && (class != Class::Updated || !changes.is_empty())
        {
            events.push(Event {
                key: record.key.clone(),
                event,
                changes,
            });
        }
        if met.insert(record.key.clone()) {
            after.counters.count(class);
        } else {
            after.counters.duplicate += 1;
        }
    }
    store::record::create(tx, &S::TABLE, &after.partition, &create).await?;
    store::record::update(tx, &S::TABLE, &after.partition, &update).await?;
    store::history::write(tx, S::NAME, after, &events).await?;
    let keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
    store::quarantine::resolve(tx, S::NAME, &after.partition, &keys).await
}

fn distinct(after: &mut Progress, records: Vec<Record>) -> Vec<Record> {
    let fetched = records.len();
    let mut keys = HashSet::with_capacity(fetched);
    let records: Vec<Record> = records
        .into_iter()
        .filter(|record| keys.insert(record.key.clone()))
        .collect();
    after.counters.duplicate += count(fetched - records.len());
    records
}

async fn quarantine<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    bad: &[Bad],
    met: &mut HashSet<String>,
) -> Result<(), Error> {
    if bad.is_empty() {
        return Ok(());
    }
    let ignored = store::quarantine::keep(tx, S::NAME, &after.partition, after.id, bad).await?;
    for one in bad {
        let is_new = one.key.as_ref().is_none_or(|key| met.insert(key.clone()));
        let counter = if !is_new {
            &mut after.counters.duplicate
        } else if ignored.contains(&one.quarantine_key()) {
            &mut after.counters.ignored
        } else {
            &mut after.counters.quarantined
        };
        *counter += 1;
    }
    let quarantined = u64::from(after.counters.quarantined.unsigned_abs());
    let fetched = u64::from(after.counters.fetched.unsigned_abs());
    if is_systemic(quarantined, fetched) {
        return Err(Error::TooManyBad {
            bad: quarantined,
            fetched,
        });
    }
    Ok(())
}

/// Records that were asked for by id and are gone: that is proof enough for each of them (G7). One that is
/// not even known here is a fault of who asked.
async fn mark_gone<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    gone: &[String],
) -> Result<(), Error> {
    if gone.is_empty() {
        return Ok(());
    }
    let marked = store::record::gone(tx, &S::TABLE, &after.partition, gone, None).await?;
    store::history::write(tx, S::NAME, after, &Event::all_gone(&marked)).await?;
    let known = store::record::known_among(tx, &S::TABLE, &after.partition, gone).await?;
    let unknown: Vec<Bad> = gone
        .iter()
        .filter(|key| !known.contains(*key))
        .map(|key| Bad {
            key: Some(key.clone()),
            field: "id".into(),
            expected: "one that the remote knows".into(),
            raw: serde_json::Value::Null,
        })
        .collect();
    after.counters.gone += count(gone.len() - unknown.len());
    quarantine::<S>(tx, after, &unknown, &mut HashSet::new()).await
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
