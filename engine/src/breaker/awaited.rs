//! What this process has put jobs off for, until they were told that it is open again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A job that was put off may be on its way to the database for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// Keys with jobs that wait for them. Empty, it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    keys: Mutex<HashMap<String, Waiters>>,
    bell: Notify,
}

#[derive(Debug)]
struct Waiters {
    put_off_at: Instant,
    /// Those that waited were told when they may come: the ramp's own waits are short.
    told_ramp: bool,
}

impl Awaited {
    /// A job was put off for it, or an earlier process has put some off.
    pub(crate) fn add(&self, key: &str) {
        let mut keys = self.keys();
        let waiters = keys.entry(key.to_owned()).or_insert(Waiters {
            put_off_at: Instant::now(),
            told_ramp: false,
        });
        waiters.put_off_at = Instant::now();
        drop(keys);
        self.bell.notify_one();
    }

    /// Ends once there is something to look for.
    pub(crate) async fn some(&self) {
        loop {
            if !self.keys().is_empty() {
                return;
            }
            self.bell.notified().await;
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.keys().keys().cloned().collect()
    }

    /// It is shut, or shut again.
    pub(crate) fn is_shut(&self, key: &str) {
        if let Some(waiters) = self.keys().get_mut(key) {
            waiters.told_ramp = false;
        }
    }

    /// True the first time in a ramp.
    pub(crate) fn begins_ramp(&self, key: &str) -> bool {
        self.keys()
            .get_mut(key)
            .is_some_and(|waiters| !std::mem::replace(&mut waiters.told_ramp, true))
    }

    /// All were told: forgets it, unless one may be on its way.
    pub(crate) fn told(&self, key: &str) {
        self.keys()
            .retain(|known, waiters| known != key || waiters.put_off_at.elapsed() < ON_ITS_WAY);
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<String, Waiters>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
