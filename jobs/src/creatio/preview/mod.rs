//! Preview: what a sync would do, field by field, with nothing written on either side.
//!
//! Creatio's records are read page by page and compared as a sync would; then the records that are here alone. Each is
//! told and forgotten. What is kept is the ids of records that are new to each other and were found to be the same, and
//! what is unclear between them: nothing of the many that are linked already, or that one side alone has.

mod change;
mod one;
mod walk;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use self::one::preview_one;
use self::walk::Walk;
use super::{Counts, Sort, mapping};
use crate::{Env, Error};

/// What would become of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub sort: Sort,
    pub local_id: Option<Uuid>,
    pub remote_id: Option<Uuid>,
    /// `create`, `update`, `delete`, `link`, `conflict`, `review`, `wait` or `fail`.
    pub verb: String,
    /// `to_creatio`, `from_creatio` or `both`.
    pub direction: Option<String>,
    /// Why it would fail, or a person would have to say.
    pub code: Option<String>,
    /// Field by field: from what to what and which way.
    pub fields: Vec<FieldChange>,
}

/// What would become of one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    pub field: String,
    /// `push`, `pull`, `both`, `conflict`, `unmappable`, or `later`: a parent that is made first.
    pub act: String,
    /// What each side has; long texts are cut.
    pub ours: Value,
    pub theirs: Value,
    /// What would be on both, in local form.
    pub becomes: Value,
}

/// What a sync would do, on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Preview {
    #[serde(flatten)]
    pub counts: Counts,
    /// Records of Creatio's that were compared.
    pub seen: i64,
    /// Records that both sides have alike.
    pub alike: i64,
    /// Records whose parent would come first.
    pub waiting: i64,
}

/// Walks everything once and tells each change.
///
/// # Errors
/// [`Error::Mapping`]; [`Error::Remote`]; [`Error::Database`]; those of the connection.
pub async fn preview(
    env: &Env,
    connection: &str,
    mut tell: impl FnMut(Change) + Send,
) -> Result<Preview, Error> {
    let mapping = mapping::in_force(env, connection, true).await?;
    let mut preview = Preview::default();
    for sort in Sort::ALL {
        if mapping.sort(sort).is_some() {
            let mut walk = Walk::new(env, connection, &mapping, sort).await?;
            walk.there(&mut preview, &mut tell).await?;
            walk.here(&mut preview, &mut tell).await?;
        }
    }
    Ok(preview)
}

impl Preview {
    fn count(&mut self, change: &Change) {
        let counts = &mut self.counts;
        let there = matches!(change.direction.as_deref(), Some("to_creatio" | "both"));
        let here = matches!(change.direction.as_deref(), Some("from_creatio" | "both"));
        match change.verb.as_str() {
            "create" if there => counts.created_in_creatio += 1,
            "create" => counts.created_here += 1,
            "delete" if there => counts.deleted_in_creatio += 1,
            "delete" => counts.deleted_here += 1,
            "update" => {
                counts.updated_in_creatio += i64::from(there);
                counts.updated_here += i64::from(here);
            }
            "link" => counts.linked += 1,
            "review" => counts.in_review += 1,
            "wait" => self.waiting += 1,
            _ => {}
        }
        let has = |act: &str| change.fields.iter().any(|field| field.act == act);
        if has("conflict") || change.verb == "conflict" {
            self.counts.conflicts += 1;
        }
        // What one field cannot be fails the record, though its others go over.
        if has("unmappable") || change.verb == "fail" {
            self.counts.failed += 1;
        }
    }
}

impl Change {
    /// `{"email": ["a@inn.example", "b@inn.example"]}`: what is here and what would be.
    #[must_use]
    pub fn differences(&self) -> Map<String, Value> {
        let each = self
            .fields
            .iter()
            .map(|one| (one.field.clone(), json!([one.ours, one.becomes])));
        each.collect()
    }
}
