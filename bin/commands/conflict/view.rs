//! A conflict as people see it.

use jobs::creatio::conflict::Conflict;
use jobs::creatio::{Chosen, Decision};
use serde_json::Value;
use uuid::Uuid;

use super::super::sync::creatio::plan::word;
use crate::output::{Row, instant, instant_or_dash, long};

const LONGEST_CELL: usize = 40;

/// `: 12000 (local)`: what it becomes, and whose that is.
pub(super) fn of_decision(decision: &Decision, conflict: &Conflict) -> String {
    match decision {
        Decision::Take(Chosen::Local) => format!(": {} (local)", word(&conflict.ours)),
        Decision::Take(Chosen::Creatio) => format!(": {} (Creatio)", word(theirs(conflict))),
        Decision::Value(value) => format!(": {}", word(value)),
    }
}

/// What Creatio has, in our words where it has any.
pub(crate) fn theirs(conflict: &Conflict) -> &Value {
    match &conflict.theirs_local {
        Value::Null => &conflict.theirs,
        value => value,
    }
}

impl Row for Conflict {
    const COLUMNS: &'static [&'static str] = &[
        "ID", "SORT", "RECORD", "FIELD", "STATUS", "HERE", "THERE", "SINCE",
    ];

    fn cells(&self) -> Vec<String> {
        let cell = |value: &Value| long(&word(value), LONGEST_CELL);
        let record = self.local_id.or(self.remote_id);
        vec![
            self.id.to_string(),
            self.sort.as_str().to_owned(),
            record.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            self.field.clone(),
            self.status.as_str().to_owned(),
            cell(&self.ours),
            cell(theirs(self)),
            instant(self.detected_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn details(&self) -> Vec<(String, String)> {
        let id = |id: Option<Uuid>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let said = self.decision.as_ref().map(|said| of_decision(said, self));
        [
            ("id", self.id.to_string()),
            ("connection", self.connection.clone()),
            (
                "record",
                format!("{} {}", self.sort.as_str(), id(self.local_id)),
            ),
            ("at creatio", id(self.remote_id)),
            ("field", self.field.clone()),
            ("status", self.status.as_str().to_owned()),
            ("base", word(&self.base_local)),
            (
                "here",
                format!(
                    "{} since {}",
                    word(&self.ours),
                    instant_or_dash(self.local_at)
                ),
            ),
            (
                "there",
                format!(
                    "{} since {}",
                    word(theirs(self)),
                    instant_or_dash(self.remote_at)
                ),
            ),
            ("gone", text(&self.gone)),
            ("left to people by", self.policy.clone()),
            (
                "decision",
                said.map_or_else(
                    || "-".to_owned(),
                    |said| said.trim_start_matches(": ").to_owned(),
                ),
            ),
            ("proposed by", text(&self.proposed_by)),
            ("decided by", text(&self.decided_by)),
            ("note", text(&self.note)),
            ("outcome", text(&self.outcome)),
            ("since", instant(self.detected_at)),
            ("updated at", self.updated_at.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}
