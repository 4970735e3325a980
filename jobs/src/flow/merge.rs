//! Merge: what a page's records mean for the rows, written with the reason why.

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgConnection;

use super::{Bad, Mode, Page, Progress, Record, Stream};
use crate::Error;
use crate::plan::classify::{Class, classify};
use crate::plan::quarantine::{is_systemic, is_whole_page};
use crate::store;
use crate::store::history::Event;
use crate::store::record::Write;

/// What a page named.
pub(super) struct Named {
    pub(super) keys: Vec<String>,
    /// The page has an id that no earlier page of its walk had, or none at all.
    pub(super) is_news: bool,
}

/// Merges the records, keeps the bad ones, counts both, and gives the ids that the page named.
pub(super) async fn merge<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    page: &Page,
    how: Write,
) -> Result<Named, Error> {
    let named = page
        .records
        .iter()
        .map(|record| record.key.as_str())
        .chain(page.bad.iter().filter_map(|one| one.key.as_deref()));
    let keys: Vec<String> = named.map(str::to_owned).collect();
    // Ids of earlier pages: a listing that drifts, or another walk, names a record again. It is
    // applied all the same, since this answer is the newer one, and counted as a duplicate.
    let seen = match after.pages {
        1 => HashMap::new(),
        _ => store::page::seen(tx, after.id, after.generation, &keys).await?,
    };
    let is_news = keys.is_empty() || keys.iter().any(|key| seen.get(key) != Some(&true));
    let mut met: HashSet<String> = seen.into_keys().collect();
    let mut bad = write::<S>(tx, after, (&page.records, how), &mut met).await?;
    let refused = bad.len();
    bad.extend(page.bad.iter().cloned());
    // First, since of a whole page that is bad more is to be said than that it is too many.
    if after.mode != Mode::Chosen && is_whole_page(bad.len(), page.fetched) {
        let ignored = store::quarantine::ignored(tx, S::NAME, &after.partition.key(), &bad).await?;
        if ignored.is_empty() {
            return Err(none_good(&bad, refused));
        }
    }
    quarantine::<S>(tx, after, &bad, &mut met).await?;
    mark_gone::<S>(tx, after, &page.gone).await?;
    store::held::strike(tx, S::NAME, &after.partition, &keys).await?;
    Ok(Named { keys, is_news })
}

/// Writes what differs; the records that the database does not take.
async fn write<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    (records, how): (&[Record], Write),
    met: &mut HashSet<String>,
) -> Result<Vec<Bad>, Error> {
    let records = distinct(after, records);
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let of = after.partition.clone();
    let stored = store::record::stored(tx, &S::TABLE, &of, &records).await?;
    let (mut create, mut update, mut classed) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        let (class, changes) = classify(stored.get(&record.key), record);
        match class {
            Class::Created => create.push(record),
            Class::Updated | Class::Revived => update.push(record),
            Class::Stale | Class::Unchanged => {}
        }
        classed.push((record, class, changes));
    }
    let mut refused = store::record::create(tx, &S::TABLE, &of, (&create, how)).await?;
    refused.extend(store::record::update(tx, &S::TABLE, &of, (&update, how)).await?);
    classed.retain(|(record, ..)| {
        !refused
            .iter()
            .any(|one| one.key.as_ref() == Some(&record.key))
    });
    let (mut keys, mut events) = (Vec::new(), Vec::new());
    for (record, class, changes) in classed {
        // What is stale says nothing of the newer one that may be in quarantine.
        if class != Class::Stale {
            keys.push(record.key.as_str());
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
    store::history::write(tx, S::NAME, after, &events).await?;
    store::quarantine::resolve(tx, S::NAME, &of, &keys).await?;
    Ok(refused)
}

fn distinct<'a>(after: &mut Progress, records: &'a [Record]) -> Vec<&'a Record> {
    let mut keys = HashSet::with_capacity(records.len());
    let distinct: Vec<&Record> = records
        .iter()
        .filter(|record| keys.insert(record.key.as_str()))
        .collect();
    after.counters.duplicate += count(records.len() - distinct.len());
    distinct
}

/// Why a page has no good record; the database refused the first `refused` of them.
fn none_good(bad: &[Bad], refused: usize) -> Error {
    let first = bad.first();
    let expected = first.map(|one| one.expected.clone()).unwrap_or_default();
    match refused {
        0 => Error::PageUnreadable {
            bad: bad.len(),
            field: first.map(|one| one.field.clone()).unwrap_or_default(),
            expected,
        },
        refused => Error::PageRefused {
            bad: bad.len(),
            refused,
            expected,
        },
    }
}

/// Keeps and counts bad records.
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
        .map(|key| Bad::unknown(key))
        .collect();
    after.counters.gone += count(gone.len() - unknown.len());
    quarantine::<S>(tx, after, &unknown, &mut HashSet::new()).await?;
    Ok(())
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
