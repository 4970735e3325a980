//! All that one simulated project holds. No lock in here is ever held across an await.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use serde_json::Value;

use super::config::Config;
use super::switches::Switches;
use super::world::{Change, World};
use crate::fault::Faults;
use crate::locked::{read, write};
use crate::wire::{Clock, Hook, Remote};

/// One simulated project.
#[derive(Debug)]
pub struct State {
    pub(super) config: Config,
    pub(super) clock: Clock,
    world: RwLock<World>,
    switches: RwLock<Arc<Switches>>,
    expired: AtomicBool,
    hooks: Faults<Hook<Change>>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            clock: Clock::default(),
            world: RwLock::new(World::generate(&config)),
            switches: RwLock::new(Arc::new(config.switches.clone())),
            expired: AtomicBool::new(false),
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

    pub(super) fn set_expired(&self, is_expired: bool) {
        self.expired.store(is_expired, Ordering::Release);
    }

    pub(super) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// Every armed change has its occasion now, just before rows are read.
    pub(super) fn listing_begins(&self) {
        for change in self.hooks.fire(|hook| Some(hook.change.clone())) {
            // A change that has become impossible, such as deleting a row twice, is no change.
            let _ = self.apply(change);
        }
    }
}

impl Remote for State {
    type Change = Change;
    type Switches = Switches;

    fn apply(&self, change: Change) -> Result<String, String> {
        let now_s = self.clock.now_s();
        self.world_mut(|world| world.apply(change, now_s))
    }

    fn truth(&self) -> Value {
        self.world(World::truth)
    }

    fn switches(&self) -> Switches {
        Switches::clone(&self.now_switches())
    }

    fn set_switches(&self, switches: Switches) {
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
        self.set_expired(false);
        self.hooks.clear();
    }
}
