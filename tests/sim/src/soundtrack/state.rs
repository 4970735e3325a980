//! All that one simulated vendor holds. No lock in here is ever held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use tokio_util::sync::CancellationToken;

use super::bucket::Buckets;
use super::config::Config;
use super::fault::{Fault, FaultKind};
use super::stats::Recorder;
use super::switches::Switches;
use super::world::{Change, World, WorldError};
use crate::fault::Faults;
use crate::locked::{read, write};

/// The accounts a token may see; `None` is all of them.
pub(super) type Grant = Option<Arc<BTreeSet<String>>>;

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Config,
    world: RwLock<World>,
    switches: RwLock<Arc<Switches>>,
    tokens: RwLock<BTreeMap<String, Grant>>,
    pub(super) buckets: Buckets,
    pub(super) faults: Faults<Fault>,
    pub(super) recorder: Recorder,
    pub(super) shutdown: CancellationToken,
}

impl State {
    pub(super) fn new(config: Config) -> Self {
        let state = Self {
            world: RwLock::new(World::generate(config.seed, config.size)),
            switches: RwLock::new(Arc::new(config.switches.clone())),
            tokens: RwLock::new(BTreeMap::new()),
            buckets: Buckets::default(),
            faults: Faults::new(config.seed),
            recorder: Recorder::new(config.log_limit),
            shutdown: CancellationToken::new(),
            config,
        };
        state.grant(&state.config.token, None);
        state.set_switches(state.config.switches.clone());
        state
    }

    /// Back to how it started: world, switches, tokens, buckets, faults and counts.
    pub(super) fn reset(&self) {
        *write(&self.world) = World::generate(self.config.seed, self.config.size);
        self.set_switches(self.config.switches.clone());
        write(&self.tokens).clear();
        self.grant(&self.config.token, None);
        self.buckets.clear();
        self.faults.clear();
        self.recorder.reset();
    }

    pub(super) fn world<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&read(&self.world))
    }

    pub(super) fn world_mut<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(&mut write(&self.world))
    }

    pub(super) fn apply(&self, change: Change) -> Result<String, WorldError> {
        self.world_mut(|world| world.apply(change))
    }

    pub(super) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&read(&self.switches))
    }

    pub(super) fn set_switches(&self, switches: Switches) {
        let mut current = write(&self.switches);
        // What came back until now came back at the old rate.
        self.buckets.settle(&current);
        self.world_mut(|world| world.moved_zone_id = switches.moved_zone_id);
        *current = Arc::new(switches);
    }

    pub(super) fn grant(&self, token: &str, accounts: Option<BTreeSet<String>>) {
        write(&self.tokens).insert(token.to_owned(), accounts.map(Arc::new));
    }

    /// Says whether there was such a token.
    pub(super) fn revoke(&self, token: &str) -> bool {
        write(&self.tokens).remove(token).is_some()
    }

    pub(super) fn grant_of(&self, token: &str) -> Option<Grant> {
        read(&self.tokens).get(token).cloned()
    }

    /// Gives every mid-walk change its occasion after a page of the account's zones was read.
    pub(super) fn page_was_read(&self, account: &str) {
        let due = self.faults.fire(|fault| match &fault.kind {
            FaultKind::Change { change } if fault.is_for(Some(account), None) => {
                Some(change.clone())
            }
            _ => None,
        });
        for change in due {
            // A change that has become impossible, such as deleting a zone twice, is no change.
            let _ = self.apply(change);
        }
    }
}
