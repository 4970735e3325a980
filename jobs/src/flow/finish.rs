//! Finish: what the end of a walk means: another walk, or the sweep and the end of the run.

use std::collections::HashSet;

use engine::Cx;
use sqlx::postgres::PgConnection;

use super::page::LastPage;
use super::pull::{Conclude, Step};
use super::{Missing, Progress, Stream, page};
use crate::plan::sweep::{Evidence, Verdict, Walk, decide};
use crate::run::Status;
use crate::store::run::Ending;
use crate::{Env, Error, store};

/// Ends the walk whose last page has just been merged. The sweep, the end of the run
/// and the end of its job are in the page's own transaction.
pub(super) async fn end_walk<S: Stream>(
    tx: &mut PgConnection,
    cx: &Cx<Env>,
    last: LastPage,
    conclude: Conclude,
) -> Result<Step, Error> {
    let LastPage {
        before,
        mut after,
        keys,
    } = last;
    let walk = Walk {
        number: after.generation,
        pages: after.walk_pages.unsigned_abs(),
        distinct: distinct(tx, &after, &keys).await?,
        total: after.walk_total.map(i64::unsigned_abs),
        is_clean: after.walk_is_clean,
        has_drifted: after.walk_has_drifted,
    };
    let missing = S::missing(tx, before.id, &keys).await?;
    let verdict = decide(&walk, &evidence(&after, &missing));
    if verdict == Verdict::WalkAgain {
        let clean_walks = if walk.is_complete() {
            after.clean_walks + 1
        } else {
            0
        };
        let again = after.at_new_walk(clean_walks);
        page::save(tx, &before, &again, &keys).await?;
        return Ok(Step::More(again));
    }
    let mut orphaned = 0;
    if verdict == Verdict::Sweep {
        orphaned = S::sweep(tx, before.id, &keys).await?;
    }
    if walk.is_complete() && missing.without_id > 0 {
        let adopted = count(S::adopt(tx, before.id, before.company_id).await?);
        // Each of them was counted as created by a page of this run.
        after.counters.created -= adopted;
        after.counters.adopted += adopted;
    }
    let ending = Ending {
        status: status(verdict, &after),
        is_complete: walk.is_complete(),
        sweep: verdict.word(),
        orphaned: count(orphaned),
        held: if verdict.is_held() {
            count(missing.candidates)
        } else {
            0
        },
        code: None,
        error: None,
    };
    let run = store::run::end(tx, &before, &after, ending).await?;
    let outcome = conclude(&run.ok_or(Error::RunLost(before.id))?)?;
    Ok(Step::Ended(cx.settle(tx, outcome).await?))
}

/// Distinct ids of the walk, those of its last page, which is not stored, among them.
async fn distinct(tx: &mut PgConnection, after: &Progress, keys: &[String]) -> Result<u64, Error> {
    if after.walk_pages == 1 {
        return Ok(keys.iter().collect::<HashSet<_>>().len() as u64);
    }
    store::page::distinct(tx, after.id, after.generation, keys).await
}

fn evidence(after: &Progress, missing: &Missing) -> Evidence {
    Evidence {
        clean_walks_before: after.clean_walks,
        is_scope_known: after.known_scope.as_ref() == Some(&after.scope),
        known: missing.known,
        candidates: missing.candidates,
    }
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
