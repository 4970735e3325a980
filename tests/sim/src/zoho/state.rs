//! All that one simulated vendor holds. No lock in here is ever held across an await.

use std::sync::{Arc, Mutex, RwLock};

use serde_json::{Value, json};

use super::config::Config;
use super::limits::Limits;
use super::oauth::Desk;
use super::switches::Switches;
use super::world::{Change, World};
use crate::fault::Faults;
use crate::locked::{lock, read, write};
use crate::wire::{Clock, Hook, Remote};

/// One simulated vendor.
#[derive(Debug)]
pub struct State {
    pub(super) config: Config,
    pub(super) clock: Clock,
    world: RwLock<World>,
    switches: RwLock<Arc<Switches>>,
    pub(super) desk: Mutex<Desk>,
    pub(super) limits: Mutex<Limits>,
    hooks: Faults<Hook<Change>>,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        Self {
            clock: Clock::default(),
            world: RwLock::new(World::generate(config.seed, config.items)),
            switches: RwLock::new(Arc::new(config.switches.clone())),
            desk: Mutex::default(),
            limits: Mutex::default(),
            hooks: Faults::new(config.seed),
            config,
        }
    }

    pub(super) fn world<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&read(&self.world))
    }

    pub(super) fn now_switches(&self) -> Arc<Switches> {
        Arc::clone(&read(&self.switches))
    }

    /// Every armed change has its occasion now, just before a listing is read.
    pub(super) fn listing_begins(&self) {
        for change in self.hooks.fire(|hook| Some(hook.change.clone())) {
            // A change that has become impossible, such as deleting an item twice, is no change.
            let _ = self.apply(change);
        }
    }

    pub(super) fn mint_aside(&self) -> String {
        lock(&self.desk).mint(self.clock.elapsed(), &self.now_switches())
    }

    pub(super) fn revoke(&self) {
        lock(&self.desk).revoke();
    }

    pub(super) fn expire(&self) {
        lock(&self.desk).expire();
    }
}

impl Remote for State {
    type Change = Change;
    type Switches = Switches;

    fn apply(&self, change: Change) -> Result<String, String> {
        let stock_counts = self.now_switches().stock_moves_last_modified;
        write(&self.world).apply(change, self.clock.now_s(), stock_counts)
    }

    fn truth(&self) -> Value {
        self.world(|world| json!({"items": world.items()}))
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
        *write(&self.world) = World::generate(self.config.seed, self.config.items);
        self.set_switches(self.config.switches.clone());
        *lock(&self.desk) = Desk::default();
        *lock(&self.limits) = Limits::default();
        self.hooks.clear();
    }
}
