//! What a meeting taught of a lead.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::super::Sort;
use super::super::edit::put;
use super::{check_text, invalid};
use crate::Error;
use crate::store::creatio::{local, meeting};

const LONGEST_NAME: usize = 250;
const LONGEST_NOTES: usize = 100_000;
/// A double keeps so many.
const EXACT_DIGITS: usize = 15;
/// The name that Creatio's lookup of roles has as it comes.
const DECISION_MAKER: &str = "Decision maker";

/// What a meeting taught of a lead. What is not said stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Learnt {
    /// Whether money was talked about: `custom.budget_discussed`, which a mapping may name.
    pub budget_discussed: Option<bool>,
    pub decision_maker: Option<DecisionMaker>,
    #[serde(serialize_with = "as_text")]
    pub estimated_budget: Option<Decimal>,
    /// `custom.meeting_type`, which a mapping may name.
    pub meeting_type: Option<String>,
    pub met_at: Option<Timestamp>,
    pub decision_at: Option<Timestamp>,
    /// Replaces what is there.
    pub commentary: Option<String>,
}

/// Whether the lead decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false or the name of a role")]
pub enum DecisionMaker {
    /// Yes is the role `Decision maker`; no takes that role away, and no other.
    Is(bool),
    /// Another role, by its name at Creatio.
    Role(String),
}

/// What became of a lead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    pub connection: String,
    pub lead_id: Uuid,
    /// Field by field: from what to what. What was so before is not among them.
    pub changes: Map<String, Value>,
}

/// The connection of a lead.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Database`].
pub async fn connection_of_lead(pool: &PgPool, lead_id: Uuid) -> Result<String, Error> {
    let found = meeting::connection_of_lead(&mut *pool.acquire().await?, lead_id).await?;
    found.ok_or_else(|| no_such(lead_id))
}

/// Writes what was learnt into a lead, in the caller's transaction, once nobody else writes it.
///
/// # Errors
/// [`Error::NoSuch`]; [`Error::Invalid`], which names the field, also when nothing is said; [`Error::Database`].
pub async fn update_lead(
    tx: &mut PgConnection,
    lead_id: Uuid,
    learnt: &Learnt,
) -> Result<Updated, Error> {
    learnt.check()?;
    let connection = meeting::hold_lead(tx, lead_id).await?;
    let connection = connection.ok_or_else(|| no_such(lead_id))?;
    let rows = local::load(tx, &connection, Sort::Lead, &[lead_id]).await?;
    let row = rows.into_iter().next().ok_or_else(|| no_such(lead_id))?;
    let (mut fields, mut changes) = (Map::new(), Map::new());
    for (name, to) in learnt.fields(&row.fields) {
        let from = row.fields.get(&name).cloned().unwrap_or_default();
        if !is_same(&from, &to) {
            changes.insert(name.clone(), json!([from, to]));
            fields.insert(name, to);
        }
    }
    if !fields.is_empty() {
        put(tx, &connection, Sort::Lead, vec![(lead_id, fields)]).await?;
    }
    Ok(Updated {
        connection,
        lead_id,
        changes,
    })
}

/// A sum of money, from a number or a text: exact, as it was written.
///
/// # Errors
/// [`Error::Invalid`] for what is no number, has more than 28 digits, or came as a number of more than 15, which may
/// have been rounded on its way.
pub fn amount(value: &Value) -> Result<Decimal, Error> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => {
            return invalid(
                "estimated_budget",
                "expected a number, or a text of its digits",
            );
        }
    };
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if value.is_number() && digits > EXACT_DIGITS {
        return invalid(
            "estimated_budget",
            "expected a text of its digits: a number of so many is rounded",
        );
    }
    match text.parse() {
        Ok(amount) => Ok(amount),
        Err(_) => invalid("estimated_budget", "expected a number of at most 28 digits"),
    }
}

impl Learnt {
    fn check(&self) -> Result<(), Error> {
        if *self == Learnt::default() {
            return invalid(
                "",
                "expected something that was learnt, such as budget_discussed or estimated_budget",
            );
        }
        if self
            .estimated_budget
            .is_some_and(|budget| budget.is_sign_negative())
        {
            return invalid("estimated_budget", "expected no negative number");
        }
        if let Some(DecisionMaker::Role(role)) = &self.decision_maker {
            if role.trim().is_empty() {
                return invalid(
                    "decision_maker",
                    "expected true, false or the name of a role",
                );
            }
            check_text("decision_maker", Some(role), LONGEST_NAME)?;
        }
        check_text("meeting_type", self.meeting_type.as_deref(), LONGEST_NAME)?;
        check_text("commentary", self.commentary.as_deref(), LONGEST_NOTES)
    }

    fn fields(&self, now: &Map<String, Value>) -> Map<String, Value> {
        let role = now.get("decision_role").and_then(Value::as_str);
        let decides = role.is_some_and(|role| role.eq_ignore_ascii_case(DECISION_MAKER));
        let mut fields = Map::new();
        match &self.decision_maker {
            Some(DecisionMaker::Is(true)) if !decides => {
                fields.insert("decision_role".into(), json!(DECISION_MAKER));
            }
            Some(DecisionMaker::Is(false)) if decides => {
                fields.insert("decision_role".into(), Value::Null);
            }
            Some(DecisionMaker::Role(role)) => {
                fields.insert("decision_role".into(), json!(role.trim()));
            }
            _ => {}
        }
        let budget = self.estimated_budget.map(|budget| budget.to_string());
        let others = [
            ("custom.budget_discussed", json!(self.budget_discussed)),
            ("budget", json!(budget)),
            ("custom.meeting_type", json!(self.meeting_type)),
            ("meeting_at", json!(self.met_at)),
            ("decision_at", json!(self.decision_at)),
            ("commentary", json!(self.commentary)),
        ];
        let others = others.into_iter().filter(|(_, value)| !value.is_null());
        fields.extend(others.map(|(name, value)| (name.to_owned(), value)));
        fields
    }
}

/// The table has forms of its own: `12.50` and `12.5` are one number, and so are two ways to write an instant.
fn is_same(from: &Value, to: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let instant = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
    };
    from == to
        || (number(from).is_some() && number(from) == number(to))
        || (instant(from).is_some() && instant(from) == instant(to))
}

fn as_text<S: serde::Serializer>(number: &Option<Decimal>, to: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number.to_string()).serialize(to)
}

fn no_such(lead_id: Uuid) -> Error {
    Error::NoSuch {
        what: "lead",
        id: lead_id.to_string(),
    }
}
