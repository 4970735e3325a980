//! Finish: what the end of a walk means: another walk, or the sweep and the end of the run.

use std::collections::HashSet;

use engine::Cx;
use sqlx::postgres::PgConnection;

use super::page::LastPage;
use super::pull::{Conclude, Step};
use super::{Mode, Progress, Stream, page};
use crate::plan::sweep::{Evidence, Verdict, Walk, decide};
use crate::run::Status;
use crate::store::history::Event;
use crate::store::record::Missing;
use crate::store::run::Ending;
use crate::{Env, Error, store};

/// Bad records that the end of a run names.
const NAMED: i64 = 20;

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
        principal,
    } = last;
    let walk = walk(&after, distinct(tx, &after, &keys).await?);
    let missing = match after.mode {
        Mode::All => store::record::missing(tx, &S::TABLE, before.id, &keys).await?,
        Mode::Changed | Mode::Chosen => Missing::default(),
    };
    let verdict = decide(&walk, &evidence(&after, &missing, principal));
    if verdict == Verdict::WalkAgain {
        let clean_walks = if walk.is_complete() {
            after.clean_walks + 1
        } else {
            0
        };
        let again = after.at_new_walk(clean_walks);
        page::save(tx, &before, &again, &keys).await?;
        return Ok(Step::More(Box::new(again)));
    }
    let mut orphaned = 0;
    if verdict == Verdict::Sweep {
        orphaned = sweep::<S>(tx, &after, &missing).await?;
    }
    if walk.is_complete() && after.mode == Mode::All {
        let adopted = count(S::adopt(tx, before.id, &before.partition).await?);
        // Each of them was counted as created by a page of this run.
        after.counters.created -= adopted;
        after.counters.adopted += adopted;
        store::held::supersede(tx, S::NAME, &before.partition).await?;
    }
    if verdict.is_held() {
        store::held::hold(tx, S::NAME, &after, verdict.word(), &missing).await?;
    }
    let ending = Ending {
        status: status(verdict, &after),
        is_complete: walk.is_complete(),
        sweep: verdict.word(),
        orphaned,
        held: if verdict.is_held() {
            count(missing.keys.len() as u64)
        } else {
            0
        },
        code: None,
        error: None,
    };
    let run = store::run::end(tx, &before, &after, ending).await?;
    let run = run.ok_or(Error::RunLost(before.id))?;
    let bad = match run.counters.quarantined {
        0 => Vec::new(),
        _ => store::quarantine::of_run(tx, run.id, NAMED).await?,
    };
    let outcome = conclude(&run, &bad)?;
    Ok(Step::Ended(cx.settle(tx, outcome).await?))
}

/// What the pages of a walk with so many distinct ids amount to.
pub(super) fn walk(after: &Progress, distinct: u64) -> Walk {
    Walk {
        number: after.generation,
        pages: after.walk_pages.unsigned_abs(),
        distinct,
        total: after.walk_total.map(i64::unsigned_abs),
        is_clean: after.walk_is_clean,
        has_drifted: after.walk_has_drifted,
    }
}

pub(super) fn evidence(after: &Progress, missing: &Missing, principal: i64) -> Evidence {
    let known = after.known.as_ref();
    Evidence {
        clean_walks_before: after.clean_walks,
        is_scope_known: known
            .is_some_and(|(scope, key)| *scope == after.scope && *key == after.principal),
        is_principal_same: principal == after.principal,
        known: missing.known,
        candidates: missing.keys.len() as u64,
    }
}

async fn sweep<S: Stream>(
    tx: &mut PgConnection,
    after: &Progress,
    missing: &Missing,
) -> Result<i32, Error> {
    let since = Some(after.id);
    let gone = store::record::gone(tx, &S::TABLE, &after.partition, &missing.keys, since).await?;
    store::history::write(tx, S::NAME, after, &Event::all_gone(&gone)).await?;
    Ok(count(gone.len() as u64))
}

/// Distinct ids of the walk, those of its last page, which is not stored, among them.
async fn distinct(tx: &mut PgConnection, after: &Progress, keys: &[String]) -> Result<u64, Error> {
    if after.walk_pages == 1 {
        return Ok(keys.iter().collect::<HashSet<_>>().len() as u64);
    }
    store::page::distinct(tx, after.id, after.generation, keys).await
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
