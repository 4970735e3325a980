//! Finish: what the end of a walk means: another walk, or the sweep and the end of the run.

use engine::Cx;
use sqlx::postgres::PgConnection;

use super::pull::{Conclude, Step};
use super::{Progress, Stream, page};
use crate::plan::sweep::{Evidence, Verdict, Walk, decide};
use crate::run::Status;
use crate::store::run::Ending;
use crate::{Env, Error, store};

/// Ends the walk whose last page, with `keys`, has just been merged.
pub(super) async fn end_walk<S: Stream>(
    tx: &mut PgConnection,
    cx: &Cx<Env>,
    before: &Progress,
    mut after: Progress,
    keys: &[String],
    conclude: Conclude,
) -> Result<Step, Error> {
    let (walk, evidence) = judge::<S>(tx, before, &after, keys).await?;
    let verdict = decide(&walk, &evidence);
    if verdict == Verdict::WalkAgain {
        let clean_walks = if walk.is_complete() { after.clean_walks + 1 } else { 0 };
        let again = after.at_new_walk(clean_walks);
        page::save(tx, before, &again, keys).await?;
        return Ok(Step::More(again));
    }
    let mut orphaned = 0;
    if verdict == Verdict::Sweep {
        orphaned = S::sweep(tx, before.id, keys).await?;
    }
    if walk.is_complete() {
        let adopted = count(S::adopt(tx, before.id, before.company_id).await?);
        // Each of them was counted as created by a page of this run.
        after.counters.created -= adopted;
        after.counters.adopted += adopted;
        store::stream::walked(tx, before.id).await?;
        store::quarantine::resolve(tx, S::NAME, before.company_id, before.id).await?;
    }
    after.cursor = None;
    if !store::run::advance(tx, before, &after).await? {
        return Err(Error::RunLost(before.id));
    }
    let held = if verdict.is_held() { count(evidence.candidates) } else { 0 };
    let ending = Ending {
        status: status(verdict, &after),
        sweep: verdict.word(),
        orphaned: count(orphaned),
        held,
        code: None,
        error: None,
    };
    end_run(tx, cx, before, ending, conclude).await
}

/// The end of the run and of its job, in the page's own transaction.
async fn end_run(
    tx: &mut PgConnection,
    cx: &Cx<Env>,
    before: &Progress,
    ending: Ending<'_>,
    conclude: Conclude,
) -> Result<Step, Error> {
    if before.pages > 0 {
        store::page::forget(tx, before.id).await?;
    }
    let run = store::run::end(tx, before.id, before.job_id, ending).await?;
    let run = run.ok_or(Error::RunLost(before.id))?;
    let outcome = conclude(&run)?;
    Ok(Step::Ended(cx.settle(tx, outcome).await?))
}

async fn judge<S: Stream>(
    tx: &mut PgConnection,
    before: &Progress,
    after: &Progress,
    keys: &[String],
) -> Result<(Walk, Evidence), Error> {
    let walk = Walk {
        number: after.generation,
        pages: after.walk_pages.unsigned_abs(),
        distinct: store::page::distinct(tx, before.id, after.generation, keys).await?,
        total: after.walk_total.map(i64::unsigned_abs),
        is_clean: after.walk_is_clean,
        has_drifted: after.walk_has_drifted,
    };
    let (known, candidates) = S::missing(tx, before.id, keys).await?;
    let scope = store::stream::scope(tx, S::NAME, before.company_id).await?;
    let evidence = Evidence {
        clean_walks_before: after.clean_walks,
        is_scope_known: scope.as_deref() == Some(before.scope.as_str()),
        known,
        candidates,
    };
    Ok((walk, evidence))
}

fn status(verdict: Verdict, after: &Progress) -> Status {
    if verdict.is_held() {
        Status::Held
    } else if verdict == Verdict::Unproven || after.counters.quarantined > 0 {
        Status::Partial
    } else {
        Status::Succeeded
    }
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
