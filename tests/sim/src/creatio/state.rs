//! All that one simulated site holds. No lock in here is ever held across an await.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use serde_json::Value;

use super::config::Config;
use super::identity::Desk;
use super::reply::{Answer, throttled};
use super::switches::Switches;
use super::world::{Change, Look, World};
use crate::fault::Faults;
use crate::locked::{lock, read, write};
use crate::wire::{Clock, Hook, Remote};

/// One simulated site with its identity service.
#[derive(Debug)]
pub struct State {
    pub(super) config: Config,
    pub(super) clock: Clock,
    world: RwLock<World>,
    switches: RwLock<Arc<Switches>>,
    pub(super) desk: Mutex<Desk>,
    /// When the calls of the last minute came.
    minute: Mutex<VecDeque<Duration>>,
    turn: AtomicU64,
    looks: Mutex<Vec<Look>>,
    hooks: Faults<Hook<Change>>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            clock: Clock::default(),
            world: RwLock::new(World::generate(&config)),
            switches: RwLock::new(Arc::new(config.switches.clone())),
            desk: Mutex::default(),
            minute: Mutex::default(),
            turn: AtomicU64::new(0),
            looks: Mutex::default(),
            hooks: Faults::new(config.seed),
            config,
        }
    }

    pub(super) fn world<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&read(&self.world))
    }

    pub(super) fn world_mut<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(&mut write(&self.world))
    }

    pub(super) fn now_switches(&self) -> Arc<Switches> {
        Arc::clone(&read(&self.switches))
    }

    /// Microseconds since 1970, by the vendor's clock.
    pub(super) fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.clock.elapsed().as_micros()).unwrap_or(i64::MAX / 4);
        Clock::EPOCH_S * 1_000_000 + elapsed
    }

    /// Counts the calls.
    pub(super) fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Every armed change has its occasion now, just before records are listed.
    pub(super) fn listing_begins(&self) {
        for change in self.hooks.fire(|hook| Some(hook.change.clone())) {
            // A change that has become impossible, such as deleting a record twice, is no change.
            let _ = self.apply(change);
        }
    }

    pub(super) fn note(&self, look: Look) {
        lock(&self.looks).push(look);
    }

    pub(super) fn looks(&self) -> Vec<Look> {
        lock(&self.looks).clone()
    }

    /// Counts a call in its minute, or refuses it.
    pub(super) fn enter(&self, switches: &Switches) -> Result<(), Box<Answer>> {
        let Some(throttle) = switches.throttle else {
            return Ok(());
        };
        let now = self.clock.elapsed();
        let mut minute = lock(&self.minute);
        while minute
            .front()
            .is_some_and(|at| now - *at >= Duration::from_secs(60))
        {
            minute.pop_front();
        }
        if minute.len() >= throttle.per_minute {
            return Err(Box::new(throttled(throttle)));
        }
        minute.push_back(now);
        Ok(())
    }
}

impl Remote for State {
    type Change = Change;
    type Switches = Switches;

    fn apply(&self, change: Change) -> Result<String, String> {
        let switches = self.now_switches();
        let now = self.now();
        self.world_mut(|world| world.apply(change, now, &switches))
    }

    fn truth(&self) -> Value {
        self.world(World::truth)
    }

    fn switches(&self) -> Switches {
        Switches::clone(&self.now_switches())
    }

    fn set_switches(&self, switches: Switches) {
        self.world_mut(|world| world.reorder(switches.guid_order));
        *write(&self.switches) = Arc::new(switches);
    }

    fn hook(&self, hook: Hook<Change>) {
        let when = hook.when.clone();
        self.hooks.inject(hook, when);
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn reset(&self) {
        *write(&self.world) = World::generate(&self.config);
        self.set_switches(self.config.switches.clone());
        *lock(&self.desk) = Desk::default();
        lock(&self.minute).clear();
        lock(&self.looks).clear();
        self.hooks.clear();
    }
}
