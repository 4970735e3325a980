//! When a fault strikes: shared by all remotes, each of which says what its faults are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::entropy::Entropy;
use crate::locked::lock;

/// Names one injected fault until it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

/// Which of the occasions that match a fault it strikes. The default strikes every one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct When {
    /// How many matching occasions pass unharmed first.
    pub after: u32,
    /// How often the fault strikes before it is spent; `None` is without end.
    pub times: Option<u32>,
    /// The probability, from 0.0 to 1.0, that an occasion is struck.
    pub chance: f64,
}

impl Default for When {
    fn default() -> Self {
        Self {
            after: 0,
            times: None,
            chance: 1.0,
        }
    }
}

/// An injected fault as listed: what it is and how often it has struck.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Injected<F> {
    pub id: FaultId,
    pub fault: F,
    pub fired: u32,
}

/// The faults of one simulator.
#[derive(Debug)]
pub(crate) struct Faults<F> {
    // Most calls are served with no fault injected: they read this and take no lock.
    count: AtomicUsize,
    armed: Mutex<Armoury<F>>,
}

#[derive(Debug)]
struct Armoury<F> {
    entropy: Entropy,
    next_id: u64,
    armed: Vec<Armed<F>>,
}

#[derive(Debug)]
struct Armed<F> {
    when: When,
    matched: u32,
    injected: Injected<F>,
}

impl<F: Clone> Faults<F> {
    pub(crate) fn new(seed: u64) -> Self {
        let armoury = Armoury {
            entropy: Entropy::seeded(seed),
            next_id: 1,
            armed: Vec::new(),
        };
        Self {
            count: AtomicUsize::new(0),
            armed: Mutex::new(armoury),
        }
    }

    pub(crate) fn inject(&self, fault: F, when: When) -> FaultId {
        let mut armoury = lock(&self.armed);
        let id = FaultId(armoury.next_id);
        armoury.next_id += 1;
        armoury.armed.push(Armed {
            when,
            matched: 0,
            injected: Injected {
                id,
                fault,
                fired: 0,
            },
        });
        self.count.store(armoury.armed.len(), Ordering::Release);
        id
    }

    /// Says whether there was such a fault.
    pub(crate) fn remove(&self, id: FaultId) -> bool {
        let mut armoury = lock(&self.armed);
        let before = armoury.armed.len();
        armoury.armed.retain(|armed| armed.injected.id != id);
        self.count.store(armoury.armed.len(), Ordering::Release);
        armoury.armed.len() < before
    }

    pub(crate) fn clear(&self) {
        let mut armoury = lock(&self.armed);
        armoury.armed.clear();
        self.count.store(0, Ordering::Release);
    }

    /// Spent faults stay listed, so that a test can see that they did strike.
    pub(crate) fn list(&self) -> Vec<Injected<F>> {
        lock(&self.armed)
            .armed
            .iter()
            .map(|armed| armed.injected.clone())
            .collect()
    }

    /// Whether none is armed, without a lock.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Gives one occasion to every fault that `matching` accepts, and what it made of those that
    /// strike, oldest fault first.
    pub(crate) fn fire<T>(&self, matching: impl Fn(&F) -> Option<T>) -> Vec<T> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut armoury = lock(&self.armed);
        let Armoury { entropy, armed, .. } = &mut *armoury;
        let mut struck = Vec::new();
        for fault in armed {
            if let Some(found) = matching(&fault.injected.fault)
                && fault.strikes(entropy)
            {
                struck.push(found);
            }
        }
        struck
    }
}

impl<F> Armed<F> {
    fn strikes(&mut self, entropy: &mut Entropy) -> bool {
        self.matched = self.matched.saturating_add(1);
        let spent = self
            .when
            .times
            .is_some_and(|times| self.injected.fired >= times);
        if self.matched <= self.when.after || spent || !entropy.chance(self.when.chance) {
            return false;
        }
        self.injected.fired += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(when: When, occasions: usize) -> Vec<bool> {
        let faults = Faults::new(1);
        faults.inject((), when);
        (0..occasions)
            .map(|_| !faults.fire(|()| Some(())).is_empty())
            .collect()
    }

    #[test]
    fn a_countdown_strikes_after_and_only_so_often() {
        let when = When {
            after: 1,
            times: Some(2),
            ..When::default()
        };

        assert_eq!(strikes(when, 5), [false, true, true, false, false]);
    }

    #[test]
    fn a_probability_strikes_the_same_occasions_for_the_same_seed() {
        let when = When {
            chance: 0.3,
            ..When::default()
        };

        let first = strikes(when.clone(), 1_000);
        let second = strikes(when, 1_000);

        assert_eq!(first, second);
        let struck = first.iter().filter(|strike| **strike).count();
        assert!((250..350).contains(&struck), "struck {struck} of 1000");
    }
}
