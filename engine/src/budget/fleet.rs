//! The fleet's budgets as this process sees them: its purses, the line before each, and the keeper that
//! tells the database what was spent. Idle, it asks nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use super::purse::{Ended, HOLD, Purse, Taken};
use super::{Draw, Permit, Reserved};
use crate::Result;
use crate::store::budget::{self, Ask, Standing};

/// How often spending and readings are told while there are any.
const TELL: Duration = Duration::from_millis(200);
/// Nothing is taken further ahead than the database is sure to count it as ours.
const AHEAD: Duration = Duration::from_secs(2);
/// What one reservation takes for those in line, in seconds of refill: ten statements a second over the
/// whole fleet, and little lost with a process that is killed.
const BATCH_S: f64 = 0.1;
/// For those whose patience ends in the line: others are first, so this is a guess.
const IN_LINE: Duration = Duration::from_secs(1);

/// All budgets that this process draws on. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Fleet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    holder: Uuid,
    pool: PgPool,
    purses: Mutex<HashMap<String, Purse>>,
    lines: Mutex<HashMap<String, Arc<Semaphore>>>,
    // What the database counts as ours is told as a whole, so nothing may be granted meanwhile.
    exchange: tokio::sync::Mutex<()>,
    spent: Arc<Notify>,
    has_keeper: AtomicBool,
}

impl Fleet {
    pub(crate) fn new(pool: PgPool) -> Fleet {
        Fleet(Arc::new(Inner {
            holder: Uuid::now_v7(),
            pool,
            purses: Mutex::default(),
            lines: Mutex::default(),
            exchange: tokio::sync::Mutex::default(),
            spent: Arc::new(Notify::new()),
            has_keeper: AtomicBool::new(false),
        }))
    }

    /// See [`crate::Client::reserve`].
    pub(crate) async fn reserve(&self, draws: &[Draw], patience: Duration) -> Result<Reserved> {
        self.hire_keeper();
        let read = draws.first().map(|draw| draw.key.clone());
        let draws = in_key_order(draws);
        let deadline = tokio::time::Instant::now() + patience;
        let _wanted = Wanted::new(&self.0, &draws);
        let line = self.0.line(&draws);
        // First come, first served: without a line, cheap calls would keep a dear one waiting for ever.
        let Ok(turn) = tokio::time::timeout_at(deadline, line.acquire()).await else {
            return Ok(Reserved::Wait(IN_LINE));
        };
        let _turn = turn.map_err(|_| crate::Error::Invalid("the line is closed".into()))?;
        loop {
            if let Some(taken) = self.take(&draws) {
                return Ok(Reserved::Go(Permit::new(self.clone(), read, taken)));
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let standings = self.draw(&draws, left.min(AHEAD)).await?;
            let Some(wait) = standings
                .iter()
                .map(|standing| standing.wait)
                .collect::<Option<Vec<_>>>()
                .map(|waits| waits.into_iter().max().unwrap_or_default())
            else {
                return Ok(Reserved::Never);
            };
            let granted = standings.iter().all(|standing| standing.granted > 0.0);
            if !granted && wait > left {
                return Ok(Reserved::Wait(wait));
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// What a budget ever holds, as last heard.
    pub(crate) fn capacity(&self, key: &str) -> Option<f64> {
        self.0.purses().get(key).and_then(|purse| purse.capacity)
    }

    /// Asks the database, in a task that puts what it gives into the purses even when the caller is
    /// dropped meanwhile.
    async fn draw(&self, draws: &[Draw], patience: Duration) -> Result<Vec<Standing>> {
        let (inner, draws) = (self.0.clone(), draws.to_vec());
        let asking = tokio::spawn(async move {
            let _alone = inner.exchange.lock().await;
            let asked = now();
            let ask = inner.ask(&draws, patience);
            let standings = budget::reserve(&inner.pool, &ask).await?;
            let mut purses = inner.purses();
            for standing in &standings {
                let purse = purses.entry(standing.key.clone());
                purse
                    .or_insert_with(|| Purse::new(asked))
                    .put(standing, asked, now());
            }
            drop(purses);
            inner.spent.notify_one();
            Ok(standings)
        });
        match asking.await {
            Ok(standings) => standings,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    fn take(&self, draws: &[Draw]) -> Option<Vec<(String, Taken)>> {
        let (mut purses, now) = (self.0.purses(), now());
        let covers = |draw: &Draw| {
            purses
                .get(&draw.key)
                .is_some_and(|purse| purse.covers(draw.cost, now))
        };
        if !draws.iter().all(covers) {
            return None;
        }
        let take = |draw: &Draw| {
            let purse = purses.get_mut(&draw.key)?;
            Some((draw.key.clone(), purse.take(draw.cost, now)))
        };
        draws.iter().map(take).collect()
    }

    /// Tokens that come back each second, as last heard.
    pub(super) fn refill_per_s(&self, key: &str) -> Option<f64> {
        self.0.purses().get(key).map(|purse| purse.refill_per_s)
    }

    /// A call of ours has ended.
    pub(super) fn end(&self, key: &str, taken: &Taken, ended: Ended) {
        if let Some(purse) = self.0.purses().get_mut(key) {
            purse.end(taken, ended, now());
        }
        self.0.spent.notify_one();
    }

    /// Books a refusal in a task: it is everybody's business, whatever becomes of the caller.
    pub(super) fn refuse(&self, key: String, cost: f64, available: Option<f64>, wait: Duration) {
        let pool = self.0.pool.clone();
        tokio::spawn(async move {
            if let Err(error) = budget::refuse(&pool, &key, cost, available, wait).await {
                tracing::warn!(%error, budget = key, "could not tell the fleet of a refusal");
            }
        });
    }

    fn hire_keeper(&self) {
        if self.0.has_keeper.swap(true, Ordering::Relaxed) {
            return;
        }
        let (fleet, spent) = (Arc::downgrade(&self.0), self.0.spent.clone());
        // It ends with the last handle of the fleet.
        tokio::spawn(keep(fleet, spent));
    }

    /// Tells the database everything and gives back what is not spent.
    pub(crate) async fn settle_all(&self) {
        {
            let mut purses = self.0.purses();
            for purse in purses.values_mut() {
                purse.give_back();
            }
        }
        self.0.tell().await;
    }
}

impl Inner {
    fn ask(&self, draws: &[Draw], patience: Duration) -> Ask {
        let purses = self.purses();
        let wish = |draw: &Draw| {
            purses.get(&draw.key).map_or(draw.cost, |purse| {
                draw.cost
                    .max(purse.wanted.min(purse.refill_per_s * BATCH_S))
            })
        };
        Ask {
            holder: self.holder,
            keys: draws.iter().map(|draw| draw.key.clone()).collect(),
            costs: draws.iter().map(|draw| draw.cost).collect(),
            wishes: draws.iter().map(wish).collect(),
            patience,
            hold: HOLD,
        }
    }

    fn line(&self, draws: &[Draw]) -> Arc<Semaphore> {
        let keys: Vec<&str> = draws.iter().map(|draw| draw.key.as_str()).collect();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .entry(keys.join("\n"))
            .or_insert_with(|| Arc::new(Semaphore::new(1)))
            .clone()
    }

    fn purses(&self) -> MutexGuard<'_, HashMap<String, Purse>> {
        // No method of a purse can stop half way, so a panic elsewhere leaves it whole.
        self.purses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round of reports; true when there will be more to tell.
    async fn tell(&self) -> bool {
        let _alone = self.exchange.lock().await;
        let asked = now();
        let reports: Vec<_> = self
            .purses()
            .iter_mut()
            .filter_map(|(key, purse)| purse.report(key, asked))
            .collect();
        for report in &reports {
            let asked = now();
            let told = budget::report(&self.pool, self.holder, HOLD, report).await;
            let mut purses = self.purses();
            let Some(purse) = purses.get_mut(&report.key) else {
                continue;
            };
            match told {
                Ok(standing) => purse.reported(&standing, asked),
                Err(error) => {
                    purse.unheard();
                    tracing::debug!(%error, budget = report.key, "could not tell what was spent; trying again");
                }
            }
        }
        self.purses().values().any(Purse::is_live)
    }
}

async fn keep(fleet: Weak<Inner>, spent: Arc<Notify>) {
    loop {
        tokio::time::sleep(TELL).await;
        let Some(inner) = fleet.upgrade() else {
            return;
        };
        let more = inner.tell().await;
        drop(inner);
        if !more {
            // A fleet that is gone rings no bell, so we look now and then whether it is.
            let look = Duration::from_secs(60);
            let _ = tokio::time::timeout(look, spent.notified()).await;
        }
    }
}

/// What a caller wants, for as long as it waits.
struct Wanted<'a> {
    inner: &'a Inner,
    draws: &'a [Draw],
}

impl<'a> Wanted<'a> {
    fn new(inner: &'a Inner, draws: &'a [Draw]) -> Wanted<'a> {
        let mut purses = inner.purses();
        for draw in draws {
            let purse = purses.entry(draw.key.clone());
            purse.or_insert_with(|| Purse::new(now())).wanted += draw.cost;
        }
        Wanted { inner, draws }
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        let mut purses = self.inner.purses();
        for draw in self.draws {
            if let Some(purse) = purses.get_mut(&draw.key) {
                purse.wanted = (purse.wanted - draw.cost).max(0.0);
            }
        }
    }
}

/// All lock in the order of keys, so that two of them cannot wait for each other.
fn in_key_order(draws: &[Draw]) -> Vec<Draw> {
    let mut draws = draws.to_vec();
    draws.sort_by(|one, other| one.key.cmp(&other.key));
    draws.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            kept.cost += next.cost;
        }
        same
    });
    draws
}

/// Tokio's clock, so that tests can pin it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
