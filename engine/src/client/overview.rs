//! The overview, and rollups: what was done and what is to be done, without counting jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnection;

use super::Client;
use crate::breaker::BreakerState;
use crate::control::PauseScope;
use crate::overview::{Depths, Overview, Share, Total};
use crate::rollup::{Figures, Rollup, RollupBy, RollupQuery, Span};
use crate::store::{alert, breaker, depth, pause, read, rollup, worker};
use crate::{Pause, Result};

/// Minutes that an overview looks back, this one among them.
const MINUTES: i64 = 60;
/// How long somebody who asks waits for a new count of many jobs; it goes on without them.
const PATIENCE: Duration = Duration::from_millis(200);

impl Client {
    /// Everything at a glance, at a cost that does not grow with the number of jobs. What ended is exact
    /// to the last commit; what waits may have been counted a little while ago, and says when.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub async fn overview(&self) -> Result<Overview> {
        let depths = self.depths().await?;
        let mut conn = self.inner.pool.acquire().await?;
        let at = read::instant_of_database(&mut conn).await?;
        let (minutes, hour) = minutes(&mut conn, at).await?;
        let totals = rollup::totals(&mut conn).await?;
        Ok(Overview {
            at,
            shares: shares(&mut conn, at).await?,
            minutes,
            hour,
            dead: dead(&totals),
            totals,
            workers_alive: worker::alive(&mut conn).await?,
            pauses: pauses(&mut conn).await?,
            breakers_open: breakers_open(&mut conn).await?,
            schedules_late: late(&mut conn, &depths).await?,
            depths,
        })
    }

    /// What ended within a span of time, point by point; points at which nothing ended are left out.
    /// Exact to the last commit.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a span or step that cannot be answered, with what can.
    pub async fn rollups(&self, query: &RollupQuery) -> Result<Vec<Rollup>> {
        let mut conn = self.inner.pool.acquire().await?;
        let now = read::instant_of_database(&mut conn).await?;
        let span = query.span(now)?;
        rollup::list(&mut conn, query, &span).await
    }

    /// The jobs that have not ended, by queue and kind.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub async fn depths(&self) -> Result<Depths> {
        {
            let mut conn = self.inner.pool.acquire().await?;
            if depth::are_few(&mut conn).await? {
                return depth::count(&mut conn).await;
            }
        }
        let sampling = self.in_transaction(|conn| depth::sample(conn).boxed());
        if let Ok(sampled) = tokio::time::timeout(PATIENCE, sampling).await {
            sampled?;
        }
        let mut conn = self.inner.pool.acquire().await?;
        match depth::kept(&mut conn).await? {
            Some(depths) => Ok(depths),
            // The first who ever asked must wait.
            None => depth::count(&mut conn).await,
        }
    }

    /// The ended jobs that are on record, by queue, kind and state. Exact to the last commit.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub async fn totals(&self) -> Result<Vec<Total>> {
        rollup::totals(&mut *self.inner.pool.acquire().await?).await
    }
}

/// The schedules that should have run and did not.
async fn late(conn: &mut PgConnection, depths: &Depths) -> Result<Vec<String>> {
    Ok(alert::list(conn, depths)
        .await?
        .into_iter()
        .filter(|alert| alert.alert == "schedule_overdue")
        .map(|alert| alert.subject)
        .collect())
}

/// The last hour, with its quiet minutes, and all of it together.
async fn minutes(conn: &mut PgConnection, now: Timestamp) -> Result<(Vec<Rollup>, Figures)> {
    let query = RollupQuery::default();
    let span = last_hour(now, 1);
    let mut busy: BTreeMap<Timestamp, Rollup> = rollup::list(conn, &query, &span)
        .await?
        .into_iter()
        .map(|rollup| (rollup.at, rollup))
        .collect();
    let minutes = (0..MINUTES)
        .map(|minute| {
            let at = span.from + SignedDuration::from_mins(minute);
            busy.remove(&at).unwrap_or(Rollup {
                at,
                ..Rollup::default()
            })
        })
        .collect();
    let whole = rollup::list(conn, &query, &last_hour(now, 0)).await?;
    let hour = whole.into_iter().next().map(|rollup| rollup.figures);
    Ok((minutes, hour.unwrap_or_default()))
}

async fn shares(conn: &mut PgConnection, now: Timestamp) -> Result<Vec<Share>> {
    let query = RollupQuery {
        by: RollupBy {
            queue: true,
            kind: true,
            ..RollupBy::default()
        },
        ..RollupQuery::default()
    };
    let mut shares: Vec<Share> = rollup::list(conn, &query, &last_hour(now, 0))
        .await?
        .into_iter()
        .map(|rollup| Share {
            queue: rollup.queue.unwrap_or_default(),
            kind: rollup.kind.unwrap_or_default(),
            completed_per_minute: rollup.figures.completed as f64 / MINUTES as f64,
            figures: rollup.figures,
        })
        .collect();
    shares.sort_by(|one, other| {
        let ended = |share: &Share| share.figures.completed + share.figures.failed;
        (ended(other), &one.queue, &one.kind).cmp(&(ended(one), &other.queue, &other.kind))
    });
    Ok(shares)
}

/// The running minute and those before it, in steps of so many; 0 is all in one.
fn last_hour(now: Timestamp, minutes: i64) -> Span {
    let whole = now.as_second().div_euclid(60) * 60 - (MINUTES - 1) * 60;
    Span {
        // Within the range of a timestamp that the database has given.
        from: Timestamp::from_second(whole).unwrap_or(now),
        to: now + SignedDuration::from_mins(1),
        minutes,
        grain: 1,
    }
}

fn dead(totals: &[Total]) -> i64 {
    let dead = totals.iter().filter(|total| total.state == "dead");
    dead.map(|total| total.jobs).sum()
}

async fn pauses(conn: &mut PgConnection) -> Result<Vec<Pause>> {
    let mut all = Vec::new();
    for scope in [PauseScope::Queue, PauseScope::Kind, PauseScope::Schedule] {
        all.extend(pause::list(conn, scope).await?);
    }
    Ok(all)
}

async fn breakers_open(conn: &mut PgConnection) -> Result<Vec<String>> {
    let all = breaker::list(conn, None).await?;
    let open = all
        .into_iter()
        .filter(|breaker| breaker.state != BreakerState::Closed);
    Ok(open.map(|breaker| breaker.connection).collect())
}
