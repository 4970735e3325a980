//! The gates of this process: what is shut, kept for a moment; what calls have told, gathered for a
//! moment; and which of our jobs are probes. Idle, it asks nothing: it looks only when a job with rate
//! keys was claimed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgPool};
use tokio::time::Instant;
use uuid::Uuid;

use super::awaited::Awaited;
use super::probes::Probes;
use super::{ASK_AGAIN_MS, Alarm, Breaker, BreakerRules, BreakerState, Event, Health, Pass};
use crate::control::{Actor, PauseScope};
use crate::store::breaker::{self, Force, Loaded, Shut, ShutBy};
use crate::store::{audit, pause};
use crate::{Error, Result};

/// How old a look may be. People's changes are obeyed within a second.
const FRESH: Duration = Duration::from_millis(500);
/// Good news is gathered for so long; bad news is told at once.
const GATHER: Duration = Duration::from_secs(1);
/// Moves that lost against another before giving up; each loss is another's success.
const TRIES: usize = 50;

/// Shared by all handles and workers of a process.
#[derive(Debug)]
pub(crate) struct Gates {
    pool: PgPool,
    rules: RwLock<BreakerRules>,
    look: tokio::sync::Mutex<Option<(Instant, Arc<Vec<Shut>>)>>,
    heard: Mutex<HashMap<String, Tally>>,
    probes: Probes,
    awaited: Awaited,
    /// Kinds that are on record as having rate keys.
    connected: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Tally {
    good: i32,
    told_at: Instant,
}

/// Why a job may not run now, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutOff {
    pub(crate) code: &'static str,
    pub(crate) key: String,
    pub(crate) delay: Duration,
}

impl Gates {
    pub(crate) fn new(pool: PgPool, rules: BreakerRules) -> Gates {
        Gates {
            pool,
            rules: RwLock::new(rules),
            look: tokio::sync::Mutex::default(),
            heard: Mutex::default(),
            probes: Probes::default(),
            awaited: Awaited::default(),
            connected: Mutex::default(),
        }
    }

    /// Whether a job that was just claimed may run. All its keys are looked at first, so that a job that
    /// cannot run anyway is nobody's probe.
    pub(crate) async fn pass(&self, job: Uuid, keys: &[String]) -> Result<Option<PutOff>> {
        let look = self.look().await?;
        let shut = || look.iter().filter(|shut| keys.contains(&shut.key));
        let longest = shut().max_by_key(|shut| shut.wait_ms);
        if let Some(shut) = longest.filter(|shut| shut.wait_ms > 0) {
            return Ok(Some(put_off(&shut.key, shut.by, shut.wait_ms)));
        }
        for key in shut()
            .filter(|shut| !matches!(shut.by, ShutBy::Budget | ShutBy::Paused))
            .map(|shut| &shut.key)
        {
            let (now, pass) = self.moved(key, Event::Ask { job }).await?;
            match pass {
                Pass::Go => {}
                Pass::Probe => {
                    tracing::info!(job.id = %job, connection = key, "job {job} is the probe of {key}");
                    self.probes.add(job, key);
                }
                Pass::At(at) => {
                    self.ended(job).await?;
                    return Ok(Some(put_off(key, ShutBy::Open, at - now)));
                }
            }
        }
        Ok(None)
    }

    /// Sees to it that ends of this kind are counted by connection: before the first of them.
    pub(crate) async fn meet(&self, kind: &str) -> Result<()> {
        let met = || {
            self.connected
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if !met().contains(kind) {
            crate::store::kind::connect(&mut *self.pool.acquire().await?, kind).await?;
            met().insert(kind.to_owned());
        }
        Ok(())
    }

    /// A call of a job told something of its connection.
    pub(crate) async fn hear(&self, connection: &str, job: Uuid, health: Health) -> Result<()> {
        let is_probe = self.probes.has(job, connection);
        let bad = match health {
            Health::Neutral => return Ok(()),
            Health::Good => 0,
            Health::Bad => 1,
        };
        let good = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let tally = heard.entry(connection.to_owned()).or_insert(Tally {
                good: 0,
                told_at: Instant::now(),
            });
            tally.good += 1 - bad;
            if bad == 0 && !is_probe && tally.told_at.elapsed() < GATHER {
                return Ok(());
            }
            tally.told_at = Instant::now();
            std::mem::take(&mut tally.good)
        };
        let heard = Event::Heard {
            good,
            bad,
            is_probe,
        };
        self.moved(connection, heard).await?;
        if is_probe {
            self.probes.remove(job, connection);
        }
        Ok(())
    }

    /// A job has ended. A probe that told nothing makes room for the next.
    pub(crate) async fn ended(&self, job: Uuid) -> Result<()> {
        for connection in self.probes.take(job) {
            // Apart: every job's task would carry its 20 KiB, and few ever probe.
            Box::pin(self.moved(&connection, Event::Ended { job })).await?;
        }
        Ok(())
    }

    /// Ends once a job of this process is a probe.
    pub(crate) async fn probing(&self) {
        self.probes.some().await;
    }

    /// Probes that run still are waited for.
    pub(crate) async fn renew_probes(&self) {
        for (job, connection) in self.probes.live() {
            if let Err(error) = self.moved(&connection, Event::Renew { job }).await {
                tracing::warn!(%error, connection, "could not renew the lease of a probe; trying again");
            }
        }
    }

    /// The same, for those who can do nothing about a fault: the probe's lease runs out.
    pub(crate) async fn end(&self, job: Uuid) {
        if let Err(error) = self.ended(job).await {
            tracing::warn!(%error, job.id = %job, "could not say that the probe has ended");
        }
    }

    /// A person's move, in the caller's transaction.
    pub(crate) async fn force(
        conn: &mut PgConnection,
        connection: &str,
        event: Event,
        force: &Force,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let loaded = breaker::load(conn, connection).await?;
            // People's moves follow no rules.
            let rules = BreakerRules::default();
            let (next, _) = loaded.breaker.step(event, loaded.now, &rules);
            if breaker::store(conn, connection, &loaded, &next, Some(force)).await? {
                return Ok(());
            }
        }
        Err(busy(connection))
    }

    /// Moves a breaker; the database's clock and the answer.
    async fn moved(&self, connection: &str, event: Event) -> Result<(i64, Pass)> {
        let mut conn = self.pool.acquire().await?;
        let rules = self.rules();
        for _ in 0..TRIES {
            let loaded = breaker::load(&mut conn, connection).await?;
            let (next, pass) = loaded.breaker.step(event, loaded.now, &rules);
            let stored = if next == loaded.breaker {
                true
            } else if next.alarm == Some(Alarm::Suspended) && loaded.breaker.alarm != next.alarm {
                self.suspend(&mut conn, connection, &loaded, &next).await?
            } else {
                breaker::store(&mut conn, connection, &loaded, &next, None).await?
            };
            if stored {
                drop(conn);
                self.tell(connection, &loaded.breaker, &next).await;
                return Ok((loaded.now, pass));
            }
        }
        Err(busy(connection))
    }

    /// Stores a move that suspends the connection, with its audit row. Its callers run in tasks of their
    /// own: nobody drops them half way.
    async fn suspend(
        &self,
        conn: &mut PgConnection,
        connection: &str,
        loaded: &Loaded,
        next: &Breaker,
    ) -> Result<bool> {
        let mut tx = conn.begin().await?;
        if !breaker::store(&mut tx, connection, loaded, next, None).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        let failing_ms = next.failing_since.map_or(0, |since| loaded.now - since);
        let hours = failing_ms / 3_600_000;
        let reason = format!("its calls have been failing for {hours} hours");
        let by = Actor::new("lockstep", "service");
        if pause::pause(
            &mut tx,
            PauseScope::Connection,
            connection,
            &by.name,
            Some(&reason),
        )
        .await?
        {
            let detail = Some(json!({"reason": reason, "opens": next.opens}));
            audit::record(&mut tx, &by, "connection.pause", connection, detail).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn tell(&self, connection: &str, before: &Breaker, after: &Breaker) {
        if before.alarm < after.alarm {
            match after.alarm {
                Some(Alarm::Suspended) => tracing::error!(
                    connection,
                    "suspended {connection}: its calls have been failing for too long"
                ),
                _ => tracing::error!(connection, "the calls of {connection} keep failing"),
            }
        }
        if before.state == after.state {
            return;
        }
        self.forget().await;
        let state = after.state.as_str();
        metrics::counter!("lockstep_breaker_moves_total", "state" => state).increment(1);
        if after.state == BreakerState::Open {
            tracing::warn!(
                connection,
                opens = after.opens,
                "opened the breaker of {connection}"
            );
        } else {
            tracing::info!(connection, state, "the breaker of {connection} is {state}");
        }
    }

    /// Our own next look must see what we have changed.
    pub(crate) async fn forget(&self) {
        *self.look.lock().await = None;
    }

    /// What jobs of this process were put off for.
    pub(crate) fn awaited(&self) -> &Awaited {
        &self.awaited
    }

    /// What is shut, half a second old at the most.
    pub(crate) async fn look(&self) -> Result<Arc<Vec<Shut>>> {
        let mut look = self.look.lock().await;
        if let Some((at, shut)) = &*look
            && at.elapsed() < FRESH
        {
            return Ok(shut.clone());
        }
        let asked = Instant::now();
        let shut = Arc::new(breaker::shut(&self.pool).await?);
        *look = Some((asked, shut.clone()));
        Ok(shut)
    }

    pub(crate) fn rules(&self) -> BreakerRules {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.clone()
    }

    pub(crate) fn set_rules(&self, rules: BreakerRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

fn put_off(key: &str, by: ShutBy, wait_ms: i64) -> PutOff {
    PutOff {
        code: match by {
            ShutBy::Budget => "budget_blocked",
            ShutBy::Paused => "connection_suspended",
            ShutBy::Open | ShutBy::HalfOpen | ShutBy::Ramp => "connection_open",
        },
        key: key.to_owned(),
        delay: Duration::from_millis(u64::try_from(wait_ms.clamp(1, ASK_AGAIN_MS)).unwrap_or(1)),
    }
}

fn busy(connection: &str) -> Error {
    Error::Invalid(format!("the breaker of {connection} changes too often"))
}
