//! Open: start a run, or go on with the one that a dead worker or a failed job left.

use engine::{Cx, State};

use super::{Progress, Stream};
use crate::store::run::{self, Ending};
use crate::{Env, Error};

/// The run of `company_id` that this attempt may write.
///
/// # Errors
/// [`Error::Busy`] while another job runs that has it.
pub(super) async fn open<S: Stream>(
    cx: &Cx<Env>,
    stream: &S,
    company_id: i64,
) -> Result<Progress, Error> {
    let pool = &cx.env().pool;
    // Each turn either has a run or closes one that is of no use, so two turns are the usual most.
    for _ in 0..4 {
        let mut conn = pool.acquire().await?;
        let fresh = run::open(&mut conn, S::NAME, company_id, cx.job_id(), stream.scope()).await?;
        if let Some(progress) = fresh {
            return Ok(progress);
        }
        let Some(mut found) = run::under_way(&mut conn, S::NAME, company_id).await? else {
            continue;
        };
        drop(conn);
        if found.job_id != cx.job_id() {
            take_over(cx, &mut found).await?;
        }
        if found.scope != stream.scope() {
            abandon(cx, &found).await?;
            continue;
        }
        return if found.is_stale {
            restart(cx, &found).await
        } else {
            Ok(found)
        };
    }
    Err(Error::Busy {
        company_id,
        job_id: cx.job_id(),
    })
}

/// The state belongs to the stream and not to a job, so a replayed job goes on where a dead one
/// stopped. A job that runs keeps it.
async fn take_over(cx: &Cx<Env>, found: &mut Progress) -> Result<(), Error> {
    let owner = cx.client().job(found.job_id).await?;
    if owner.is_some_and(|job| job.state == State::Running) {
        return Err(Error::Busy {
            company_id: found.company_id,
            job_id: found.job_id,
        });
    }
    let mut conn = cx.env().pool.acquire().await?;
    if !run::take_over(&mut conn, found.id, found.job_id, cx.job_id()).await? {
        return Err(Error::RunLost(found.id));
    }
    found.job_id = cx.job_id();
    Ok(())
}

/// The company's account is another one since: what was seen of the old one says nothing.
async fn abandon(cx: &Cx<Env>, found: &Progress) -> Result<(), Error> {
    let reason = "the company's account changed while the run was under way";
    let ending = Ending::failed("scope_changed", reason);
    let mut conn = cx.env().pool.acquire().await?;
    run::end(&mut conn, found, found, ending).await?;
    Ok(())
}

/// Begins the walk again in the same run.
pub(super) async fn restart(cx: &Cx<Env>, before: &Progress) -> Result<Progress, Error> {
    let after = before.at_new_walk(0);
    let mut conn = cx.env().pool.acquire().await?;
    match run::advance(&mut conn, before, &after).await? {
        true => Ok(after),
        false => Err(Error::RunLost(before.id)),
    }
}
