//! Creatio both ways: contacts, leads, activities and their participants.
//!
//! The product edits `sync.contact`, `sync.lead`, `sync.activity` and `sync.participant` by plain SQL; triggers say
//! what must be looked at. [`Observe`] says the same of Creatio's records, [`Reconcile`] makes both sides say the
//! same, field by field, as the [`mapping`] has it, and [`SyncAll`] is both. What the rules leave to people is
//! [`conflict`], what they wrote over is [`journal`], and how each record stands is [`record`]. [`edit`] is for
//! programs that write no SQL themselves.

pub mod conflict;
pub mod edit;
mod enqueue;
pub mod journal;
pub mod mapping;
pub mod meeting;
mod observe;
pub mod preview;
mod reconcile;
pub mod record;
mod sort;
mod stream;
mod sync_all;
mod sync_lead;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

pub use enqueue::{observe_of, reconcile_of, sync_all_of, sync_lead_of};
pub use observe::Observe;
pub use reconcile::Reconcile;
pub(crate) use sort::Form;
pub use sort::Sort;
pub use sync_all::{SyncAll, Totals};
pub use sync_lead::SyncLead;

/// How a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be looked at.
    Pending,
    /// A write is under way, or it is not known yet how one ended.
    InProgress,
    /// Both sides say the same.
    Success,
    /// Something must change before it can go on: the code says what.
    Failed,
    /// Some fields wait for a person; the others go on.
    Conflict,
    /// A person must say what it is.
    ManualReview,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 6] = [
        Status::Pending,
        Status::InProgress,
        Status::Success,
        Status::Failed,
        Status::Conflict,
        Status::ManualReview,
    ];

    /// The word in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::InProgress => "in_progress",
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Conflict => "conflict",
            Status::ManualReview => "manual_review",
        }
    }

    /// The status of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// What a person said of a conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// This side's value, or what this side did to the record.
    Take(Chosen),
    /// Another value, in its local form.
    Value(Value),
}

/// Whose value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    Local,
    Creatio,
}

/// What a job did, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub created_in_creatio: i64,
    pub updated_in_creatio: i64,
    pub deleted_in_creatio: i64,
    pub created_here: i64,
    pub updated_here: i64,
    pub deleted_here: i64,
    /// Records that were on both sides already.
    pub linked: i64,
    /// Looks that found a conflict.
    pub conflicts: i64,
    /// Looks after which a person must say what a record is.
    pub in_review: i64,
    pub failed: i64,
}

/// An id that is the same whoever works it out: a retry, another process, or a later release.
pub(crate) fn chosen_id(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_id_never_changes_and_knows_where_its_parts_end() {
        let id = chosen_id(&["creatio/acme", "creatio.leads", "a"]);

        assert_eq!(id.to_string(), "f579e66c-8a7e-8b68-b776-70524fe00891");
        assert_ne!(chosen_id(&["ab", "c"]), chosen_id(&["a", "bc"]));
    }
}
