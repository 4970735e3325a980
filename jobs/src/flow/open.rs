//! Open: start a run, or go on with the one that a dead worker or a failed job left.

use engine::Cx;
use jiff::{SignedDuration, Timestamp};

use super::{Mode, Partition, Progress, Stream};
use crate::store::run::{self, Ending, Opening};
use crate::{Env, Error};

/// Ties at a watermark, remotes that stamp a change before it can be read, and clocks of several machines:
/// so much is read twice. It costs a comparison.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// The run of the stream's partition that this attempt may write.
///
/// # Errors
/// [`Error::Busy`] while another job has it.
pub(super) async fn open<S: Stream>(cx: &Cx<Env>, stream: &S) -> Result<Progress, Error> {
    let pool = &cx.env().pool;
    let partition = stream.partition();
    // Each turn either has a run or closes one that is of no use, so two turns are the usual most.
    for _ in 0..4 {
        let mut conn = pool.acquire().await?;
        let (mode, since) = ask_for(&mut conn, stream, &partition).await?;
        let scope = stream.scope();
        let opening = Opening {
            stream: S::NAME,
            partition: &partition,
            job_id: cx.job_id(),
            scope: &scope,
            principal: cx
                .env()
                .connections
                .principal(&mut conn, stream.connection())
                .await?,
            mode,
            since,
        };
        if let Some(progress) = run::open(&mut conn, &opening).await? {
            return Ok(progress);
        }
        let Some(mut found) = run::under_way(&mut conn, S::NAME, &partition).await? else {
            continue;
        };
        drop(conn);
        let is_same = found.scope == scope && found.mode == mode;
        if found.job_id != cx.job_id() {
            take_over(cx, &mut found, is_same).await?;
        }
        if !is_same || found.principal != opening.principal {
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
        partition: partition.to_string(),
        job_id: cx.job_id(),
    })
}

/// What was modified is asked for only once everything has been read.
pub(super) async fn ask_for<S: Stream>(
    conn: &mut sqlx::PgConnection,
    stream: &S,
    partition: &Partition,
) -> Result<(Mode, Option<Timestamp>), Error> {
    let mode = stream.mode();
    if mode != Mode::Changed {
        return Ok((mode, None));
    }
    let watermark = run::watermark(conn, S::NAME, partition, &stream.scope()).await?;
    let since = watermark.and_then(|at| at.checked_sub(OVERLAP).ok());
    Ok(match since {
        Some(since) => (Mode::Changed, Some(since)),
        None => (Mode::All, None),
    })
}

/// The state belongs to the stream and not to a job, so a replayed job goes on where a dead one
/// stopped. A job that runs keeps it, and one that has only been put off keeps it from a job that
/// would do something else with it.
async fn take_over(cx: &Cx<Env>, found: &mut Progress, is_same: bool) -> Result<(), Error> {
    let owner = cx.client().job(found.job_id).await?;
    let keeps = owner.is_some_and(|job| match is_same {
        true => job.state == engine::State::Running,
        false => !job.state.is_terminal(),
    });
    if keeps {
        return Err(Error::Busy {
            partition: found.partition.to_string(),
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

/// The listing is another one since: what was seen of the old one says nothing.
async fn abandon(cx: &Cx<Env>, found: &Progress) -> Result<(), Error> {
    let reason = "what is listed, or by which credential, changed while the run was under way";
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
