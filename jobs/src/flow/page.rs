//! Page: apply one page in one transaction: fence, compare, write what changed, quarantine what is
//! bad, note the ids, count, save the cursor.

use std::sync::Arc;

use engine::Cx;
use sqlx::postgres::PgConnection;

use super::merge::merge;
use super::pull::{Conclude, Step};
use super::{Next, Page, Progress, Stream, finish};
use crate::store::record::Write;
use crate::{Env, Error, store};

/// The last page of a walk, merged and not yet saved.
pub(super) struct LastPage {
    pub(super) before: Progress,
    pub(super) after: Progress,
    /// The ids that it named.
    pub(super) keys: Vec<String>,
    /// The secrets of the connection as they are now.
    pub(super) principal: i64,
}

/// Applies a page to the run that stands at `before`.
pub(super) async fn apply<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    before: Progress,
    page: Page,
    conclude: Conclude,
) -> Result<Step, Error> {
    let page = Arc::new(page);
    let read = (before, page);
    match transact(cx, stream, read.clone(), conclude.clone(), Write::AtOnce).await {
        // Savepoints cost round trips, so they are for the page that needs them. What is stored is read anew: a row that
        // somebody else was faster to make is no fault of the record.
        Err(error) if error.refusal().is_some() => {
            transact(cx, stream, read, conclude, Write::Apart).await
        }
        done => done,
    }
}

async fn transact<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    (before, page): (Progress, Arc<Page>),
    conclude: Conclude,
    how: Write,
) -> Result<Step, Error> {
    let (attempt, connection) = (cx.clone(), stream.connection().to_owned());
    let connections = cx.env().connections.clone();
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            // First of all, so that a worker that lost its lease meanwhile writes nothing.
            attempt.checkpoint(tx).await?;
            let mut after = counted(&before, &page);
            let named = merge::<S>(tx, &mut after, &page, how).await?;
            // Before anything is believed of the walk, and so that the page that miscounts is not applied.
            after.counters.check()?;
            match &page.next {
                // A page that only repeats its own walk is a circle of cursors: it would be walked
                // for ever.
                Next::More(cursor) if named.is_news => {
                    after.cursor = Some(cursor.clone());
                    save(tx, &before, &after, &named.keys).await?;
                    return Ok(Step::More(Box::new(after)));
                }
                Next::More(_) | Next::Unclear => after.walk_is_clean = false,
                Next::Drifted => after.walk_has_drifted = true,
                Next::End => {}
            }
            let last = LastPage {
                before,
                after,
                keys: named.keys,
                principal: connections.principal(tx, &connection).await?,
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

fn counted(before: &Progress, page: &Page) -> Progress {
    let total = page.total.and_then(|total| i64::try_from(total).ok());
    let mut after = before.clone();
    after.counters.fetched += i32::try_from(page.fetched).unwrap_or(i32::MAX);
    after.pages += 1;
    after.walk_pages += 1;
    if before.walk_pages == 0 {
        after.server_at = page.server_at;
    }
    after.walk_total = before.walk_total.or(total);
    after.walk_has_drifted |= total.is_some() && total != after.walk_total;
    after.walk_is_clean &= page.bad.iter().all(|one| one.key.is_some());
    after
}
