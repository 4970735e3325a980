//! Page: apply one page in one transaction: fence, compare, write what changed, quarantine what is
//! bad, note the ids, count, save the cursor.

use std::collections::{HashMap, HashSet};

use engine::Cx;
use sqlx::postgres::PgConnection;

use super::pull::{Conclude, Step};
use super::{Bad, Next, Page, Progress, Stream, finish};
use crate::plan::quarantine::is_systemic;
use crate::{Env, Error, store};

/// The last page of a walk, merged and not yet saved.
pub(super) struct LastPage {
    pub(super) before: Progress,
    pub(super) after: Progress,
    /// The ids that it named.
    pub(super) keys: Vec<String>,
}

/// Applies a page to the run that stands at `before`.
pub(super) async fn apply<S: Stream>(
    cx: &Cx<Env>,
    before: Progress,
    page: Page<S::Record>,
    conclude: Conclude,
) -> Result<Step, Error> {
    let attempt = cx.clone();
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            // First of all, so that a worker that lost its lease meanwhile writes nothing.
            attempt.hold(tx).await?;
            let mut after = counted(&before, &page);
            let Page {
                records, bad, next, ..
            } = page;
            let named = merge::<S>(tx, &mut after, records, bad).await?;
            match next {
                // A page that only repeats its own walk is a circle of cursors: it would be walked
                // for ever.
                Next::More(cursor) if named.is_news => {
                    after.cursor = Some(cursor);
                    save(tx, &before, &after, &named.keys).await?;
                    return Ok(Step::More(after));
                }
                Next::More(_) | Next::Unclear => after.walk_is_clean = false,
                Next::End => {}
            }
            let last = LastPage {
                before,
                after,
                keys: named.keys,
            };
            finish::end_walk::<S>(tx, &attempt, last, conclude).await
        })
    })
    .await
}

/// Writes the ids of a page and where the run is after it.
pub(super) async fn save(
    tx: &mut PgConnection,
    before: &Progress,
    after: &Progress,
    keys: &[String],
) -> Result<(), Error> {
    store::page::insert(tx, before.id, after.pages, before.generation, keys).await?;
    match store::run::advance(tx, before, after).await? {
        true => Ok(()),
        false => Err(Error::RunLost(before.id)),
    }
}

fn counted<R>(before: &Progress, page: &Page<R>) -> Progress {
    let total = page.total.and_then(|total| i64::try_from(total).ok());
    let mut after = before.clone();
    after.pages += 1;
    after.walk_pages += 1;
    after.walk_total = before.walk_total.or(total);
    after.walk_has_drifted |= total.is_some() && total != after.walk_total;
    after.walk_is_clean &= page.bad.iter().all(|one| one.key.is_some());
    after
}

/// The ids of a page.
struct Named {
    keys: Vec<String>,
    /// The page has an id that no earlier page of its walk had, or none at all.
    is_news: bool,
}

/// Merges the records, keeps the bad ones, counts both, and gives the ids that the page named.
async fn merge<S: Stream>(
    tx: &mut PgConnection,
    after: &mut Progress,
    records: Vec<S::Record>,
    bad: Vec<Bad>,
) -> Result<Named, Error> {
    let named = records
        .iter()
        .map(S::key)
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
    let mut distinct = HashSet::with_capacity(records.len());
    let fetched = records.len();
    let records: Vec<S::Record> = records
        .into_iter()
        .filter(|record| distinct.insert(S::key(record).to_owned()))
        .collect();
    after.counters.duplicate += count(fetched - records.len());

    let classes = S::merge(tx, after.company_id, &records).await?;
    for (record, class) in records.iter().zip(classes) {
        if met.insert(S::key(record).to_owned()) {
            after.counters.count(class);
        } else {
            after.counters.duplicate += 1;
        }
    }
    quarantine::<S>(tx, after, &bad, &mut met).await?;
    Ok(Named { keys, is_news })
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
    for one in bad {
        let is_new = one.key.as_ref().is_none_or(|key| met.insert(key.clone()));
        let counter = if is_new {
            &mut after.counters.quarantined
        } else {
            &mut after.counters.duplicate
        };
        *counter += 1;
    }
    let quarantined = u64::from(after.counters.quarantined.unsigned_abs());
    if is_systemic(quarantined, after.counters.fetched()) {
        return Err(Error::TooManyBad {
            bad: quarantined,
            fetched: after.counters.fetched(),
        });
    }
    store::quarantine::keep(tx, S::NAME, after.company_id, after.id, bad).await
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
