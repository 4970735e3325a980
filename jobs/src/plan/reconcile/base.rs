//! Base: what each side was when both were last at one, and how that moves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Act, FieldPlan, Fields, Pair};

/// What a link remembers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Base {
    Active(Bases),
    /// It was deleted on both sides. What comes back later than this, by its own clock, is alive again.
    Tombstone {
        local_at: Option<Timestamp>,
        remote_at: Option<Timestamp>,
    },
    /// The two have no more to do with each other, until a person links them again.
    Unlinked,
}

/// The values of both sides, by field. A field is in both or in neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Bases {
    local: Fields,
    remote: Fields,
}

/// What the sides hold after the writes: as a read or the write's answer said, since either may have
/// changed its form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub(crate) local: Fields,
    pub(crate) remote: Fields,
}

impl Bases {
    /// Of two maps; a field that is in one of them only is left out, and is new then.
    pub(crate) fn new(mut local: Fields, mut remote: Fields) -> Bases {
        local.retain(|name, _| remote.contains_key(name));
        remote.retain(|name, _| local.contains_key(name));
        Bases { local, remote }
    }

    pub(crate) fn of(&self, name: &str) -> Option<Pair<'_>> {
        self.local.get(name)?;
        Some(Pair::of(name, &self.local, &self.remote))
    }

    pub(crate) fn local(&self) -> &Fields {
        &self.local
    }

    pub(crate) fn remote(&self) -> &Fields {
        &self.remote
    }

    fn put(&mut self, name: &str, local: Value, remote: Value) {
        self.local.insert(name.to_owned(), local);
        self.remote.insert(name.to_owned(), remote);
    }

    /// The bases after the plans were carried out on what was seen. A side that was written has what
    /// is stored there now; the other has what the plan was made of, so that an edit made meanwhile is an edit
    /// still. A write that is not in `stored` did not succeed, and moves nothing.
    #[must_use]
    pub(crate) fn after(
        mut self,
        plans: &BTreeMap<String, FieldPlan>,
        seen: &Stored,
        stored: &Stored,
    ) -> Bases {
        for (name, plan) in plans {
            let now = Pair::of(name, &seen.local, &seen.remote);
            let (local, remote) = match plan.act {
                Act::Rest | Act::Conflict | Act::Unmappable { .. } => continue,
                Act::Adopt => (Some(now.local), Some(now.remote)),
                Act::Push(_) => (Some(now.local), stored.remote.get(name)),
                Act::Pull(_) => (stored.local.get(name), Some(now.remote)),
                Act::Both { .. } => match (stored.local.get(name), stored.remote.get(name)) {
                    (None, None) => continue,
                    (Some(local), Some(remote)) => (Some(local), Some(remote)),
                    // What one side has of the two is its edit now, and goes to the other.
                    _ => (Some(now.local), Some(now.remote)),
                },
            };
            if let (Some(local), Some(remote)) = (local, remote) {
                self.put(name, local.clone(), remote.clone());
            }
        }
        self
    }
}
