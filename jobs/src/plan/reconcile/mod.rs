//! Reconcile: what must be written so that a record says the same on both sides.
//!
//! A link keeps two bases: what each side was when both were last at one. A side has changed when it differs
//! from its **own** base. So the echo of our own write, a value that the remote stored in another form, a
//! codec that loses something, and a write whose answer was lost are all no changes, and need no rule.
//!
//! ```text
//!                local as it was    local edited        local gone
//! remote as was  rest               push                archive it there
//! remote edited  pull               agree, or resolve   conflict: the edit stays
//! remote gone    delete here        conflict, as above  tombstone
//! ```
//!
//! Everything is per field, and total: any input has a plan. A side that could not be looked at changes
//! nothing. What a rule overwrites stands in the plan's notes, for the audit trail.

mod base;
mod codec;
mod decide;
mod field;
mod merge;
mod policy;
mod record;

#[cfg(test)]
mod reconcile_tests;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) use base::{Base, Bases, Stored};
pub(crate) use codec::{Codec, Lookup};
pub(crate) use decide::{Choice, Decided, decide};
pub(crate) use field::{Act, FieldPlan, Note};
pub(crate) use merge::Merge;
pub(crate) use policy::{Foreign, OnDelete, Owner, Policy, Resolve, Rule};
pub(crate) use record::{Frozen, Plan, reconcile};

/// Values by the mapping's name of the field, each in the form of its side.
pub(crate) type Fields = Map<String, Value>;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Local,
    Remote,
}

/// What is known of a record on one side.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Here(Version),
    /// Proved, by an answer that says so or by a complete listing; or it was never there.
    Gone,
    /// Not looked at, no right to, or no answer: it says nothing.
    Unknown,
}

/// A record as one side has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Version {
    pub(crate) fields: Fields,
    /// When it was changed last, by the clock of its side; for `newest` and for what comes back.
    pub(crate) at: Option<Timestamp>,
}

/// The two values of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair<'a> {
    pub(crate) local: &'a Value,
    pub(crate) remote: &'a Value,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Local => Side::Remote,
            Side::Remote => Side::Local,
        }
    }
}

impl<'a> Pair<'a> {
    /// The values of one field of both sides. A field that a side does not have is null there.
    pub(crate) fn of(name: &str, local: &'a Fields, remote: &'a Fields) -> Pair<'a> {
        Pair {
            local: local.get(name).unwrap_or(&Value::Null),
            remote: remote.get(name).unwrap_or(&Value::Null),
        }
    }

    pub(crate) fn on(self, side: Side) -> &'a Value {
        match side {
            Side::Local => self.local,
            Side::Remote => self.remote,
        }
    }
}
