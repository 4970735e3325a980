//! A row of an answer as a [`Record`]: what is empty becomes null, and no number goes through a float.
//!
//! | as it comes | in a record |
//! | --- | --- |
//! | `""`, the zero guid, a time of the year 1 (sheet section 3); `null` | null |
//! | a whole number within 64 bits | that number |
//! | any other number | a text of its digits: `12.50` stays `12.50` |
//! | annotations, such as `ContactPhoto@odata.mediaReadLink` | left out |

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::RecordError;
use crate::record::not;

pub(super) const ID: &str = "Id";
pub(super) const MODIFIED_ON: &str = "ModifiedOn";
pub(super) const MODIFIED_BY: &str = "ModifiedById";

/// One record of any entity.
#[derive(Clone, PartialEq)]
pub struct Record {
    pub id: Uuid,
    /// `ModifiedOn`, by the remote's clock, as exactly as the remote told it.
    pub modified_at: Option<Timestamp>,
    /// `ModifiedById`: a contact, the technical user's own for our writes.
    pub modified_by: Option<Uuid>,
    /// By the remote's column names: those that were asked for, or all of a record that was just made.
    /// Decimals are mostly texts of their digits and whole ones may be numbers: read them by their
    /// [`super::Edm`], not by their shape.
    pub fields: Map<String, Value>,
}

/// Records are of people: no value is shown.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("modified_at", &self.modified_at)
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

type Row<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The row with the columns `select`; with all it has, if that is `None`. A column that was asked for and did
/// not come is a fault and not null: what is null would be written over.
pub(super) fn decode(raw: &RawValue, select: Option<&[String]>) -> Result<Record, RecordError> {
    let row: Row = serde_json::from_str(raw.get()).map_err(|_| not("", "an object"))?;
    let mut fields = Map::new();
    match select {
        Some(names) => {
            for name in names {
                let raw = row.get(name.as_str());
                let raw = raw.ok_or_else(|| not(name, "in the answer"))?;
                fields.insert(name.clone(), value(name, raw)?);
            }
        }
        None => {
            for (name, raw) in &row {
                if !name.contains('@') {
                    fields.insert(name.to_string(), value(name, raw)?);
                }
            }
        }
    }
    Ok(Record {
        id: id_of(&row).ok_or_else(|| not(ID, "a guid"))?,
        modified_at: instant_of(&row)?,
        modified_by: guid(&row, MODIFIED_BY),
        fields,
    })
}

/// The id of a row, whatever else of it can be read.
pub(super) fn id(raw: &RawValue) -> Option<Uuid> {
    id_of(&serde_json::from_str(raw.get()).ok()?)
}

/// When a row was last modified, if that can be read.
pub(super) fn modified_at(raw: &RawValue) -> Option<Timestamp> {
    instant_of(&serde_json::from_str(raw.get()).ok()?).ok()?
}

fn id_of(row: &Row) -> Option<Uuid> {
    guid(row, ID)
}

fn guid(row: &Row, name: &str) -> Option<Uuid> {
    match plain(row.get(name)?)? {
        Value::String(text) => Uuid::parse_str(&text).ok(),
        _ => None,
    }
}

fn instant_of(row: &Row) -> Result<Option<Timestamp>, RecordError> {
    let Some(raw) = row.get(MODIFIED_ON) else {
        return Ok(None);
    };
    let none = || not(MODIFIED_ON, "an instant with its offset");
    match plain(raw) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.parse().map_err(|_| none())?)),
        _ => Err(none()),
    }
}

fn value(name: &str, raw: &RawValue) -> Result<Value, RecordError> {
    plain(raw).ok_or_else(|| not(name, "of whole characters"))
}

/// The table of the module. None for a text with half of a surrogate pair, which is valid JSON and no null: that would
/// be written over.
fn plain(raw: &RawValue) -> Option<Value> {
    let text = raw.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number {
        let whole = text.parse::<i64>().map(Value::from);
        return Some(whole.unwrap_or_else(|_| Value::from(text)));
    }
    Some(match serde_json::from_str(text).ok()? {
        Value::String(text) if is_empty(&text) => Value::Null,
        other => other,
    })
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
        || text == "00000000-0000-0000-0000-000000000000"
        || text
            .strip_prefix("0001-01-01")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, select: &[&str]) -> Result<Record, RecordError> {
        let select: Vec<String> = select.iter().map(|&name| name.to_owned()).collect();
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        decode(&raw, Some(&select))
    }

    const ROW: &str = r#"{"Id":"3b9f1667-165a-4dbf-b422-4d490c214605",
        "ModifiedOn":"2021-11-24T11:11:32.33577Z","ModifiedById":"00000000-0000-0000-0000-000000000000",
        "Photo@odata.mediaReadLink":"x","LeadName":"","OwnerId":"00000000-0000-0000-0000-000000000000",
        "DecisionDate":"0001-01-01T00:00:00Z","Budget":12.50,"Score":9007199254740993,"Big":1e400,
        "Told":"12.50","On":true,"Nothing":null,"Name":"0001-01-01-x"}"#;

    #[test]
    fn what_is_empty_is_null_and_no_number_is_rounded() {
        let names = [
            "LeadName",
            "OwnerId",
            "DecisionDate",
            "Budget",
            "Score",
            "Big",
            "Told",
            "On",
            "Nothing",
            "Name",
        ];

        let record = read(ROW, &names).unwrap();

        let expected = serde_json::json!({
            "LeadName": null, "OwnerId": null, "DecisionDate": null, "Budget": "12.50",
            "Score": 9_007_199_254_740_993_i64, "Big": "1e400", "Told": "12.50", "On": true,
            "Nothing": null, "Name": "0001-01-01-x",
        });
        assert_eq!(Value::Object(record.fields), expected);
        assert_eq!(record.modified_by, None);
        assert_eq!(
            record.modified_at.unwrap().to_string(),
            "2021-11-24T11:11:32.33577Z"
        );
    }

    #[test]
    fn a_column_that_did_not_come_is_a_fault_and_not_null() {
        let error = read(ROW, &["Email"]).unwrap_err();

        assert_eq!(error.field, "Email");
    }

    #[test]
    fn a_row_without_an_id_or_with_a_time_that_is_none_cannot_be_read() {
        for (row, field) in [
            (r#"{"Id":"00000000-0000-0000-0000-000000000000"}"#, "Id"),
            (r#"{"Id":7}"#, "Id"),
            (r#"{}"#, "Id"),
            (
                r#"{"Id":"3b9f1667-165a-4dbf-b422-4d490c214605","ModifiedOn":"soon"}"#,
                "ModifiedOn",
            ),
            (r#"[]"#, ""),
        ] {
            assert_eq!(read(row, &[]).unwrap_err().field, field, "{row}");
        }
    }

    #[test]
    fn no_value_of_a_record_is_shown() {
        let record = read(
            r#"{"Id":"3b9f1667-165a-4dbf-b422-4d490c214605","Email":"canary"}"#,
            &["Email"],
        );

        assert!(!format!("{:?}", record.unwrap()).contains("canary"));
    }
}
