//! So many calls in any span of so long: for remotes that publish a limit and tell no level.
//!
//! Guarantees: no more calls go out in any span of the period than the limit, counted from when they
//! were let go; first come, first served. Calls of other processes it does not see.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Acquiring, Budget, Charge, Cost, Wait};

/// A limit of calls in a period. Cheap to clone; clones are the same window.
#[derive(Clone, Debug)]
pub struct Window(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: u32,
    period: Duration,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// When each of the last calls may go, those to come included, oldest first.
    granted: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

impl Window {
    /// Lets `calls` go in any `period`. The cost of a call is how many of them it counts as.
    #[must_use]
    pub fn new(calls: u32, period: Duration) -> Self {
        Self(Arc::new(Inner {
            calls: calls.max(1),
            period,
            book: Mutex::default(),
        }))
    }

    /// Reserves `cost` calls for the first instant at which they may go.
    fn reserve(&self, cost: u32, patience: Duration) -> Result<Instant, Wait> {
        if cost > self.0.calls {
            return Err(Wait::Never);
        }
        let now = Instant::now();
        let mut book = self.book();
        let at = book.first_free(cost, now, &self.0);
        if at - now > patience {
            return Err(Wait::For(at - now));
        }
        for _ in 0..cost {
            book.granted.push_back(at);
        }
        Ok(at)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // No change of the book can stop half way, so a panic elsewhere leaves it whole.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn first_free(&mut self, cost: u32, now: Instant, limits: &Inner) -> Instant {
        while self.granted.len() > limits.calls as usize {
            self.granted.pop_front();
        }
        let room = limits.calls as usize - self.granted.len();
        let missing = (cost as usize).saturating_sub(room);
        let free = match missing.checked_sub(1) {
            Some(last) => self.granted[last] + limits.period,
            None => now,
        };
        // The line is kept: a cheap call does not go before a dear one that waits.
        let line = self.granted.back().copied();
        let turn = [line, self.blocked_until].into_iter().flatten().max();
        turn.map_or(free, |turn| free.max(turn)).max(now)
    }
}

impl Budget for Window {
    fn acquire(&self, cost: u32, patience: Duration) -> Acquiring<'_> {
        Box::pin(async move {
            let at = self.reserve(cost, patience)?;
            let spent = Spent {
                window: self.clone(),
                cost,
                at,
            };
            tokio::time::sleep_until(at).await;
            // Another call may have been refused meanwhile.
            let blocked = self.book().blocked_until;
            match blocked.and_then(|until| until.checked_duration_since(Instant::now())) {
                Some(wait) if !wait.is_zero() => {
                    Box::new(spent).unsent();
                    Err(Wait::For(wait))
                }
                _ => Ok(Box::new(spent) as Box<dyn Charge>),
            }
        })
    }

    fn capacity(&self) -> u32 {
        self.0.calls
    }
}

/// The right to send one call.
#[derive(Debug)]
struct Spent {
    window: Window,
    cost: u32,
    at: Instant,
}

impl Charge for Spent {
    /// What replies say of a level is no concern of a limit that is counted in calls.
    fn settle(self: Box<Self>, _: Option<Cost>) {}

    fn refused(
        self: Box<Self>,
        _cost: u32,
        _available: Option<u32>,
        after: Option<Duration>,
    ) -> Option<Duration> {
        let wait = after.unwrap_or(self.window.0.period);
        let until = Instant::now() + wait;
        let mut book = self.window.book();
        book.blocked_until = Some(book.blocked_until.map_or(until, |at| at.max(until)));
        Some(wait)
    }

    fn unsent(self: Box<Self>) {
        let mut book = self.window.book();
        for _ in 0..self.cost {
            if let Some(at) = book.granted.iter().rposition(|at| *at == self.at) {
                book.granted.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn go(window: &Window) -> Box<dyn Charge> {
        window.acquire(1, Duration::MAX / 4).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn no_span_of_the_period_holds_more_calls_than_the_limit() {
        let window = Window::new(3, MINUTE);
        let mut went = Vec::new();

        for nth in 0..12u64 {
            tokio::time::advance(Duration::from_secs(nth * 7 % 13)).await;
            go(&window).await.settle(None);
            went.push(Instant::now());
        }

        for four in went.windows(4) {
            assert!(four[3] - four[0] >= MINUTE, "{four:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_would_wait_too_long_is_sent_away_with_the_wait_and_takes_nothing() {
        let window = Window::new(1, MINUTE);
        go(&window).await.settle(None);
        tokio::time::advance(Duration::from_secs(20)).await;

        for _ in 0..2 {
            let wait = window.acquire(1, Duration::from_secs(2)).await.map(|_| ());

            assert_eq!(wait, Err(Wait::For(Duration::from_secs(40))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stops_everybody_for_the_wait_it_names() {
        let window = Window::new(10, MINUTE);
        let hour = Duration::from_secs(3600);

        let wait = go(&window).await.refused(1, None, Some(hour));

        assert_eq!(wait, Some(hour));
        let next = window.acquire(1, MINUTE).await.map(|_| ());
        assert_eq!(next, Err(Wait::For(hour)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_not_sent_gives_its_place_back() {
        let window = Window::new(1, MINUTE);
        go(&window).await.unsent();

        assert!(window.acquire(1, Duration::ZERO).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_costs_more_than_the_limit_can_never_go() {
        let wait = Window::new(2, MINUTE).acquire(3, MINUTE).await.map(|_| ());

        assert_eq!(wait, Err(Wait::Never));
    }
}
