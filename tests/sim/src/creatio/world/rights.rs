//! What the technical user may not do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::creatio::guid::Guid;

/// A right that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Right {
    Read,
    Write,
}

/// The rights that are missing: to an entity, or to one record of it.
#[derive(Debug, Default)]
pub(crate) struct Rights(BTreeSet<(String, Option<String>, Right)>);

impl Rights {
    pub(super) fn deny(&mut self, entity: &str, id: Option<Guid>, right: Right) {
        self.0.insert(named(entity, id, right));
    }

    pub(super) fn allow(&mut self, entity: &str, id: Option<Guid>, right: Right) {
        self.0.remove(&named(entity, id, right));
    }

    /// Whether the right to an entity as a whole is there.
    pub(crate) fn has(&self, entity: &str, right: Right) -> bool {
        self.0.is_empty() || !self.0.contains(&named(entity, None, right))
    }

    pub(crate) fn has_record(&self, entity: &str, id: Guid, right: Right) -> bool {
        self.0.is_empty() || !self.0.contains(&named(entity, Some(id), right))
    }
}

fn named(entity: &str, id: Option<Guid>, right: Right) -> (String, Option<String>, Right) {
    (entity.to_owned(), id.map(|id| id.to_string()), right)
}
