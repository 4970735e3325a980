//! The limits of one organisation: a minute, a day, and how many at once.

use std::collections::VecDeque;
use std::time::Duration;

use axum::response::Response;

use super::reply;
use super::switches::{OverMinute, Switches};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Measured: `Retry-After: 3600`.
const BLOCK: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Limits {
    minute: VecDeque<Duration>,
    /// Which day it is, and the calls of it.
    day: (u64, usize),
    blocked_until: Option<Duration>,
    running: usize,
}

impl Limits {
    /// Lets a call in at `now`, which then runs until [`leave`](Self::leave), or says no.
    pub(super) fn enter(
        &mut self,
        now: Duration,
        switches: &Switches,
    ) -> Result<(), Box<Response>> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Err(Box::new(reply::blocked((until - now).as_secs().max(1))));
        }
        if switches.in_process.is_some_and(|most| self.running >= most) {
            return Err(Box::new(reply::in_process(switches.in_process_status)));
        }
        while self.minute.front().is_some_and(|at| now - *at >= MINUTE) {
            self.minute.pop_front();
        }
        if switches
            .per_minute
            .is_some_and(|most| self.minute.len() >= most)
        {
            if switches.over_minute == OverMinute::Code43ForAnHour {
                self.blocked_until = Some(now + BLOCK);
                return Err(Box::new(reply::blocked(BLOCK.as_secs())));
            }
            return Err(Box::new(reply::over_minute()));
        }
        let today = now.as_secs() / DAY.as_secs();
        if self.day.0 != today {
            self.day = (today, 0);
        }
        if let Some(most) = switches.per_day.filter(|most| self.day.1 >= *most) {
            return Err(Box::new(reply::over_day(most)));
        }
        self.minute.push_back(now);
        self.day.1 += 1;
        self.running += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}
