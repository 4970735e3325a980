//! Schedule: fires ticks. Every process may: a schedule's row is locked while its ticks are decided,
//! and a tick is a unique row written together with its job, so each fires once whatever happens.

use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::postgres::PgConnection;

use super::Service;
use crate::client::schedule::job_of;
use crate::job::{Answer, Twin, UniqueScope};
use crate::schedule::{Overlap, Schedule};
use crate::store::kind;
use crate::store::schedule::{self as store, Decision, Due};
use crate::{NewJob, Result};

/// An idle scheduler looks this often, in case another process has declared something.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

pub(super) async fn run(service: Service) {
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = service.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = service.client.hub().schedules() => {}
        }
        pause = match round(&service).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "could not fire schedules; trying again");
                service.entropy.jittered(service.options.service)
            }
        };
    }
}

/// Decides all that is due; how long until the next. Asks first, by one statement, whether anything is.
async fn round(service: &Service) -> Result<Duration> {
    let longest = service.entropy.jittered(LONGEST_SLEEP);
    let mut next = next_in_ms(service).await?;
    if next.is_some_and(|ms| ms <= 0) {
        while service.client.in_transaction(decide_one).await? {}
        next = next_in_ms(service).await?;
    }
    Ok(match next {
        // What is due and was not decided is another process's, right now.
        Some(ms) if ms <= 0 => service.entropy.jittered(service.options.service),
        Some(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0) + 1).min(longest),
        None => longest,
    })
}

async fn next_in_ms(service: &Service) -> Result<Option<i64>> {
    store::next_in_ms(&mut *service.client.singles().acquire().await?).await
}

/// Decides the ticks of one due schedule; false when there is none.
fn decide_one(conn: &mut PgConnection) -> BoxFuture<'_, Result<bool>> {
    Box::pin(async move {
        let Some(due) = store::lock_due(conn).await? else {
            return Ok(false);
        };
        let ticks = match due.schedule.due(due.decided_until, due.now) {
            Ok(ticks) => ticks,
            Err(error) => {
                // It was checked when it was declared; this binary reads it otherwise. Left for one
                // that does: it stays overdue, which is an alert.
                tracing::error!(%error, "cannot read schedule {:?}", due.schedule.name);
                return Ok(false);
            }
        };
        for (tick_at, fires) in ticks {
            if !fires {
                store::decide(conn, skipped(&due.schedule.name, tick_at, "skipped_missed")).await?;
                continue;
            }
            fire(conn, &due, tick_at).await?;
        }
        let next = due.schedule.next(due.now, 1)?.pop().map(|tick| tick.at);
        store::advance(conn, &due.schedule.name, due.now, next).await?;
        Ok(true)
    })
}

async fn fire(conn: &mut PgConnection, due: &Due, tick_at: jiff::Timestamp) -> Result<()> {
    let name = &due.schedule.name;
    if due.paused {
        store::decide(conn, skipped(name, tick_at, "skipped_paused")).await?;
        return Ok(());
    }
    if due.schedule.overlap == Overlap::Skip && store::predecessor_lives(conn, name).await? {
        tracing::warn!(
            schedule = name,
            "skipped a tick: the job of an earlier one has not ended"
        );
        store::decide(conn, skipped(name, tick_at, "skipped_overlap")).await?;
        return Ok(());
    }
    if kind::is_by_connection(conn, &due.schedule.kind).await? {
        tracing::error!(
            schedule = name,
            "skipped a tick: jobs of kind {} are limited per connection, and a schedule's job has none",
            due.schedule.kind
        );
        store::decide(conn, skipped(name, tick_at, "skipped_missed")).await?;
        return Ok(());
    }
    let job = tick_job(&due.schedule);
    if !store::decide(
        conn,
        Decision {
            decision: "enqueued",
            job_id: Some(job.id()),
            ..skipped(name, tick_at, "")
        },
    )
    .await?
    {
        return Ok(());
    }
    let stored = crate::store::enqueue::enqueue(
        conn,
        std::slice::from_ref(&job),
        crate::store::enqueue::Hint::Caller,
    )
    .await?;
    if stored.enqueued.iter().any(|one| one.answer == Answer::Kept) {
        // One already waits behind the one that runs: a second would only do the same again.
        store::change_decision(conn, name, tick_at, "skipped_overlap").await?;
        return Ok(());
    }
    let payloads = if stored.wake.is_empty() {
        vec![crate::worker::wake::ALL.to_owned()]
    } else {
        stored.wake
    };
    crate::store::wake::notify(conn, crate::store::wake::WAKE_CHANNEL, &payloads).await?;
    tracing::info!(schedule = name, job.id = %job.id(), "fired schedule {name:?}");
    Ok(())
}

fn tick_job(schedule: &Schedule) -> NewJob {
    let job = job_of(schedule);
    match schedule.overlap {
        Overlap::Queue => job.unique(
            format!("schedule:{}", schedule.name),
            UniqueScope::QueuedOrRunning,
            Twin::RunAfter,
        ),
        Overlap::Skip | Overlap::Allow => job,
    }
}

fn skipped<'a>(schedule: &'a str, tick_at: jiff::Timestamp, decision: &'a str) -> Decision<'a> {
    Decision {
        schedule,
        tick_at,
        decision,
        job_id: None,
        manual: false,
    }
}
