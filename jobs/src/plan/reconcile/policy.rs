//! Policy: who may change what, and what is done when both did. The mapping's file says it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Codec, Merge, Side};

/// The rules of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) fields: BTreeMap<String, Rule>,
    /// A record that is on one side only is made on the other.
    pub(crate) creates_local: bool,
    pub(crate) creates_remote: bool,
    pub(crate) on_local_delete: OnDelete,
    pub(crate) on_remote_delete: OnDelete,
}

/// The rule of a field.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) codec: Codec,
    pub(crate) owner: Owner,
    /// An edit on the side that does not own the field.
    pub(crate) on_foreign_edit: Foreign,
    /// An edit on both sides, of a field that both own.
    pub(crate) resolve: Resolve,
    /// Two values that were never at one: at first contact, or when the field is mapped anew.
    pub(crate) initial: Resolve,
}

/// Whose value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Shared,
    One(Side),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// The owner's value is written over it.
    Revert,
    /// The two sides differ from then on, and the trail says so.
    Keep,
    Conflict,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolve {
    /// This side's value counts.
    Take(Side),
    /// The later edit counts; edits closer than `margin` are a person's to settle. A margin of twice the
    /// difference of the two clocks, at the least.
    Newest {
        margin: SignedDuration,
    },
    Merge(Merge),
    Manual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    /// Delete or archive it on the other side too.
    Follow,
    /// It stays on the other side, and the two have no more to do with each other.
    Unlink,
    Conflict,
}

impl Policy {
    pub(super) fn creates(&self, on: Side) -> bool {
        match on {
            Side::Local => self.creates_local,
            Side::Remote => self.creates_remote,
        }
    }

    pub(super) fn on_delete(&self, from: Side) -> OnDelete {
        match from {
            Side::Local => self.on_local_delete,
            Side::Remote => self.on_remote_delete,
        }
    }
}
