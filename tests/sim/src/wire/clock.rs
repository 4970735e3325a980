//! The vendor's clock: it runs with the real one and can be made to jump ahead.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::locked::lock;

/// A clock that begins at 2026-01-01T00:00:00Z.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    ahead: Mutex<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            ahead: Mutex::default(),
        }
    }
}

impl Clock {
    /// When the world was generated, in seconds since 1970.
    pub const EPOCH_S: i64 = 1_767_225_600;

    pub fn advance(&self, span: Duration) {
        *lock(&self.ahead) += span;
    }

    /// Since the start, jumps included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed() + *lock(&self.ahead)
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> i64 {
        Self::EPOCH_S + i64::try_from(self.elapsed().as_secs()).unwrap_or(i64::MAX / 2)
    }

    #[must_use]
    pub fn instant(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}
