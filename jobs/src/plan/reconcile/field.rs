//! Field: what is done about one field of a record that is on both sides.

use jiff::Timestamp;
use serde_json::Value;

use super::{Foreign, Merge, Owner, Pair, Resolve, Rule, Side};

/// What is written. Values are in the form of the side they are written to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Both sides are as they were: nothing.
    Rest,
    /// The two values mean the same, or are to differ: nothing is written, and both are bases now.
    Adopt,
    Push(Value),
    Pull(Value),
    Both {
        local: Value,
        remote: Value,
    },
    /// A person must say. Nothing is written, and no base moves.
    Conflict,
    /// This side's value has no counterpart on the other. No base moves.
    Unmappable {
        from: Side,
        reason: String,
    },
}

/// What a rule did to an edit, for the audit trail: with it any edit can be found again, and undone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    /// This side's edit is written over.
    Overwrites { side: Side, value: Value },
    /// This side's edit stays, though the other side owns the field and keeps its own value.
    Keeps { side: Side },
    /// Two edits have become one value.
    Merges { local: Value, remote: Value },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldPlan {
    pub(crate) act: Act,
    pub(crate) note: Option<Note>,
}

/// What the planner looks at. A field without a base was never at one on both sides.
pub(super) struct Field<'a> {
    pub(super) rule: &'a Rule,
    pub(super) base: Option<Pair<'a>>,
    pub(super) now: Pair<'a>,
    /// When each side was changed last.
    pub(super) local_at: Option<Timestamp>,
    pub(super) remote_at: Option<Timestamp>,
}

impl From<Act> for FieldPlan {
    fn from(act: Act) -> FieldPlan {
        FieldPlan { act, note: None }
    }
}

impl Field<'_> {
    /// A frozen field has a conflict that nobody has settled: it moves only if the sides have come to agree.
    pub(super) fn plan(&self, is_frozen: bool) -> FieldPlan {
        let plan = self.free();
        match plan.act {
            Act::Rest | Act::Adopt if plan.note.is_none() => plan,
            _ if is_frozen => Act::Conflict.into(),
            _ => plan,
        }
    }

    fn free(&self) -> FieldPlan {
        let changed = |side| {
            self.base
                .is_none_or(|base| base.on(side) != self.now.on(side))
        };
        match (changed(Side::Local), changed(Side::Remote)) {
            (false, false) => Act::Rest.into(),
            _ if self.agrees() => Act::Adopt.into(),
            (true, false) => self.edited(Side::Local),
            (false, true) => self.edited(Side::Remote),
            (true, true) => self.edited_twice(),
        }
    }

    /// Either way round: a codec may lose something in one direction.
    fn agrees(&self) -> bool {
        let carried = |from: Side| {
            let carried = self.rule.codec.carry(from, self.now.on(from));
            carried.is_ok_and(|value| value == *self.now.on(from.other()))
        };
        carried(Side::Local) || carried(Side::Remote)
    }

    fn edited(&self, side: Side) -> FieldPlan {
        match (self.rule.owner, self.rule.on_foreign_edit) {
            (Owner::One(owner), Foreign::Revert) if owner != side => self.take(owner),
            (Owner::One(owner), Foreign::Keep) if owner != side => FieldPlan {
                act: Act::Adopt,
                note: Some(Note::Keeps { side }),
            },
            (Owner::One(owner), Foreign::Conflict) if owner != side => Act::Conflict.into(),
            // What is written over is the base, and no edit.
            _ => self.write(side).into(),
        }
    }

    fn edited_twice(&self) -> FieldPlan {
        if let Owner::One(owner) = self.rule.owner {
            return self.take(owner);
        }
        let resolve = match self.base {
            Some(_) => &self.rule.resolve,
            None => match (self.now.local, self.now.remote) {
                // A side that never said anything has nothing to lose.
                (Value::Null, _) => return self.write(Side::Remote).into(),
                (_, Value::Null) => return self.write(Side::Local).into(),
                _ => &self.rule.initial,
            },
        };
        match resolve {
            Resolve::Take(side) => self.take(*side),
            Resolve::Newest { margin } => match (self.local_at, self.remote_at) {
                (Some(local), Some(remote)) if local.duration_since(remote) > *margin => {
                    self.take(Side::Local)
                }
                (Some(local), Some(remote)) if remote.duration_since(local) > *margin => {
                    self.take(Side::Remote)
                }
                _ => Act::Conflict.into(),
            },
            Resolve::Merge(merge) => self.merged(*merge),
            Resolve::Manual => Act::Conflict.into(),
        }
    }

    /// Takes a side's value over the other's edit.
    fn take(&self, side: Side) -> FieldPlan {
        let act = self.write(side);
        let is_written = matches!(act, Act::Push(_) | Act::Pull(_));
        let value = self.now.on(side.other()).clone();
        // A side that never said anything has nothing to lose.
        let is_said = self.base.is_some() || !value.is_null();
        let side = side.other();
        FieldPlan {
            note: (is_written && is_said).then_some(Note::Overwrites { side, value }),
            act,
        }
    }

    fn write(&self, from: Side) -> Act {
        match self.rule.codec.carry(from, self.now.on(from)) {
            Ok(value) => to(from.other(), value),
            Err(reason) => Act::Unmappable { from, reason },
        }
    }

    fn merged(&self, merge: Merge) -> FieldPlan {
        let here = |remote: &Value| self.rule.codec.carry(Side::Remote, remote);
        let base = self.base.map(|base| (base.local, here(base.remote)));
        let (base, remote) = match (base, here(self.now.remote)) {
            (Some((local, Ok(remote))), Ok(now)) => (Some((local.clone(), remote)), now),
            (None, Ok(now)) => (None, now),
            (_, Err(reason)) | (Some((_, Err(reason))), _) => {
                let from = Side::Remote;
                return Act::Unmappable { from, reason }.into();
            }
        };
        let pair = |local, remote| Pair { local, remote };
        let base = base.as_ref().map(|(local, remote)| pair(local, remote));
        let Some(value) = merge.apply(base, pair(self.now.local, &remote)) else {
            return Act::Conflict.into();
        };
        let act = both(self.rule, self.now, value);
        let merges = Note::Merges {
            local: self.now.local.clone(),
            remote: self.now.remote.clone(),
        };
        FieldPlan {
            note: (!matches!(act, Act::Unmappable { .. })).then_some(merges),
            act,
        }
    }
}

/// A value, in local form, on both sides; written where it is not yet.
pub(super) fn both(rule: &Rule, now: Pair<'_>, value: Value) -> Act {
    match rule.codec.carry(Side::Local, &value) {
        Ok(remote) if value == *now.local && remote == *now.remote => Act::Adopt,
        Ok(remote) if value == *now.local => Act::Push(remote),
        Ok(remote) if remote == *now.remote => Act::Pull(value),
        Ok(remote) => Act::Both {
            local: value,
            remote,
        },
        Err(reason) => Act::Unmappable {
            from: Side::Local,
            reason,
        },
    }
}

pub(super) fn to(side: Side, value: Value) -> Act {
    match side {
        Side::Local => Act::Pull(value),
        Side::Remote => Act::Push(value),
    }
}
