//! A meeting as an activity with participants, and its action items as tasks.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::edit::put;
use super::super::{Sort, chosen_id};
use super::{check_text, check_there, invalid};
use crate::Error;
use crate::store::creatio::meeting;

const LONGEST_TITLE: usize = 500;
const LONGEST_NOTES: usize = 100_000;
const MOST_PARTICIPANTS: usize = 200;
const MOST_ITEMS: usize = 100;
/// Names of Creatio's own lookups: what a meeting is there, and what a task is.
const TYPE: &str = "Task";
const MEETING: &str = "Meeting";
const TO_DO: &str = "To do";
const ROLE: &str = "Participant";
/// An action item that names no day is due then, since Creatio takes no task without one.
const DUE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meeting {
    /// Which Creatio: `creatio/acme`.
    pub connection: String,
    /// The product's own id of it. Told of again, its activity is changed, and no second one is made.
    pub meeting_id: Uuid,
    pub title: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// Local ids.
    pub lead_id: Option<Uuid>,
    pub contact_id: Option<Uuid>,
    /// Names of Creatio's lookups; what is not said is left to Creatio.
    pub status: Option<String>,
    pub priority: Option<String>,
    pub location: Option<String>,
    pub notes: Option<String>,
    /// What came of it.
    pub outcome: Option<String>,
    pub participants: Vec<Participant>,
    pub action_items: Vec<ActionItem>,
}

/// Somebody who took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// The local id of the contact.
    pub contact_id: Uuid,
    /// A name of Creatio's lookup; `Participant` unless said.
    pub role: Option<String>,
    pub description: Option<String>,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionItem {
    /// The product's own id of it; without one its title is what it is known by.
    pub id: Option<Uuid>,
    pub title: String,
    /// A week after the meeting unless said.
    pub due_at: Option<Timestamp>,
    /// A name of Creatio's lookup.
    pub priority: Option<String>,
    pub notes: Option<String>,
}

/// What became of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub connection: String,
    pub meeting_id: Uuid,
    /// Local ids, in the order in which they were told.
    pub activity_id: Uuid,
    pub participants: Vec<Uuid>,
    pub tasks: Vec<Uuid>,
    /// Records that were made, and records that were there and are changed.
    pub created: i64,
    pub changed: i64,
}

/// Writes a meeting as an activity with its participants and tasks, in the caller's transaction. Told of again, it
/// changes them; participants and tasks that are not named any more are left as they are.
///
/// # Errors
/// [`Error::Invalid`], which names the field; [`Error::NoSuch`] for a lead or contact that is not there;
/// [`Error::Decided`] when somebody writes the same records now; [`Error::Database`].
pub async fn create_activity(
    tx: &mut PgConnection,
    told: &Meeting,
    by: &str,
) -> Result<Made, Error> {
    told.check()?;
    let connection = told.connection.as_str();
    let leads: Vec<Uuid> = told.lead_id.into_iter().collect();
    check_there(tx, connection, Sort::Lead, &leads).await?;
    let contacts = told.participants.iter().map(|one| one.contact_id);
    let contacts: Vec<Uuid> = contacts.chain(told.contact_id).collect();
    check_there(tx, connection, Sort::Contact, &contacts).await?;
    let id = chosen_id(&[connection, "meeting", &told.meeting_id.to_string()]);
    let activity_id = meeting::told(tx, (connection, told.meeting_id), id, by).await?;
    let participants: Vec<_> = told
        .participants
        .iter()
        .map(|one| (of(activity_id, "participant", &one.contact_id), one))
        .collect();
    let tasks: Vec<_> = told
        .action_items
        .iter()
        .map(|one| (one.id_in(activity_id), one))
        .collect();
    let people = participants
        .iter()
        .map(|(id, one)| (*id, one.fields(activity_id)));
    let mut rows = vec![(activity_id, told.fields())];
    rows.extend(tasks.iter().map(|(id, one)| (*id, one.fields(told))));
    let people: Vec<_> = people.collect();
    let activities = put(tx, connection, Sort::Activity, rows).await?;
    let people = put(tx, connection, Sort::Participant, people).await?;
    Ok(Made {
        connection: connection.to_owned(),
        meeting_id: told.meeting_id,
        activity_id,
        participants: participants.iter().map(|(id, _)| *id).collect(),
        tasks: tasks.iter().map(|(id, _)| *id).collect(),
        created: activities.created + people.created,
        changed: activities.changed + people.changed,
    })
}

fn of(activity_id: Uuid, what: &str, id: &impl ToString) -> Uuid {
    chosen_id(&[&activity_id.to_string(), what, &id.to_string()])
}

/// What is not said is not among them: it stays as it is.
fn said(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}

impl Meeting {
    fn fields(&self) -> Map<String, Value> {
        said(json!({
            "title": self.title, "starts_at": self.starts_at, "due_at": self.ends_at, "activity_type": TYPE,
            "category": MEETING, "status": self.status, "priority": self.priority, "detailed_result": self.outcome,
            "notes": self.notes, "location": self.location, "lead_id": self.lead_id, "contact_id": self.contact_id,
        }))
    }

    fn check(&self) -> Result<(), Error> {
        check_title("title", &self.title)?;
        if self.ends_at < self.starts_at {
            return invalid("ends_at", "expected no instant before starts_at");
        }
        for (field, text, most) in [
            ("status", &self.status, LONGEST_TITLE),
            ("priority", &self.priority, LONGEST_TITLE),
            ("location", &self.location, LONGEST_TITLE),
            ("notes", &self.notes, LONGEST_NOTES),
            ("outcome", &self.outcome, LONGEST_NOTES),
        ] {
            check_text(field, text.as_deref(), most)?;
        }
        self.check_participants()?;
        self.check_items()
    }

    fn check_participants(&self) -> Result<(), Error> {
        if self.participants.len() > MOST_PARTICIPANTS {
            return invalid(
                "participants",
                &format!("expected at most {MOST_PARTICIPANTS}"),
            );
        }
        let mut seen = BTreeSet::new();
        for (nth, one) in self.participants.iter().enumerate() {
            let field = format!("participants/{nth}");
            if !seen.insert(one.contact_id) {
                return invalid(&field, "expected each contact once");
            }
            check_text(&field, one.role.as_deref(), LONGEST_TITLE)?;
            check_text(&field, one.description.as_deref(), LONGEST_NOTES)?;
        }
        Ok(())
    }

    fn check_items(&self) -> Result<(), Error> {
        if self.action_items.len() > MOST_ITEMS {
            return invalid("action_items", &format!("expected at most {MOST_ITEMS}"));
        }
        let mut seen = BTreeSet::new();
        for (nth, one) in self.action_items.iter().enumerate() {
            let field = format!("action_items/{nth}");
            check_title(&field, &one.title)?;
            check_text(&field, one.priority.as_deref(), LONGEST_TITLE)?;
            check_text(&field, one.notes.as_deref(), LONGEST_NOTES)?;
            if !seen.insert(one.id_in(self.meeting_id)) {
                return invalid(
                    &field,
                    "expected another title, or an id: two items are the same",
                );
            }
        }
        Ok(())
    }
}

impl Participant {
    fn fields(&self, activity_id: Uuid) -> Map<String, Value> {
        said(json!({
            "activity_id": activity_id, "contact_id": self.contact_id,
            "role": self.role.as_deref().unwrap_or(ROLE), "description": self.description,
        }))
    }
}

impl ActionItem {
    fn id_in(&self, activity_id: Uuid) -> Uuid {
        match self.id {
            Some(id) => of(activity_id, "task", &id),
            None => of(
                activity_id,
                "task by title",
                &self.title.trim().to_lowercase(),
            ),
        }
    }

    fn fields(&self, meeting: &Meeting) -> Map<String, Value> {
        let due_at = self
            .due_at
            .unwrap_or_else(|| meeting.ends_at.checked_add(DUE).unwrap_or(meeting.ends_at));
        said(json!({
            "title": self.title, "starts_at": meeting.ends_at.min(due_at), "due_at": due_at, "activity_type": TYPE,
            "category": TO_DO, "priority": self.priority, "notes": self.notes,
            "lead_id": meeting.lead_id, "contact_id": meeting.contact_id,
        }))
    }
}

fn check_title(field: &str, title: &str) -> Result<(), Error> {
    if title.trim().is_empty() {
        return invalid(field, "expected a title");
    }
    check_text(field, Some(title), LONGEST_TITLE)
}
