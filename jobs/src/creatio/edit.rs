//! Edit: records of ours made and changed by a program, in a transaction of its own, where it writes no SQL itself.

use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Sort;
use crate::Error;
use crate::store::creatio::local::{self, Local, Patch};

/// What a write of several records did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    pub created: i64,
    /// Those that are not as they were.
    pub changed: i64,
}

/// Makes records, or changes those that are there already; what is not said of them stays as it is. Fields have the
/// names of the mapping, `custom.…` among them; decimals and instants are texts.
///
/// # Errors
/// [`Error::Invalid`] for a field that a sort does not have, or a value that does not fit it; [`Error::Decided`] when
/// somebody writes the same records now; [`Error::Database`].
pub async fn put(
    tx: &mut PgConnection,
    connection: &str,
    sort: Sort,
    rows: Vec<(Uuid, Map<String, Value>)>,
) -> Result<Written, Error> {
    for (name, value) in rows.iter().flat_map(|(_, fields)| fields) {
        check(sort, name, value).map_err(|why| Error::Invalid(format!("{name}: {why}")))?;
    }
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
    let there = local::load(tx, connection, sort, &ids).await?;
    let (mut new, mut patches) = (Vec::new(), Vec::new());
    for (id, fields) in rows {
        match there.iter().find(|row| row.id == id) {
            None => new.push((id, fields)),
            Some(row) => patches.push(Patch {
                id,
                version: row.version,
                fields,
                deletes: None,
            }),
        }
    }
    if !new.is_empty() {
        local::create(tx, connection, sort, &new).await?;
    }
    let asked = patches.len();
    let after = match asked {
        0 => Vec::new(),
        _ => local::update(tx, connection, sort, &patches).await?,
    };
    if after.len() != asked {
        return Err(Error::Decided(format!(
            "somebody has just written the same {}: try again",
            sort.as_str()
        )));
    }
    let is_changed = |row: &&Local| {
        let before = patches.iter().find(|patch| patch.id == row.id);
        before.is_some_and(|patch| patch.version != row.version)
    };
    Ok(Written {
        created: i64::try_from(new.len()).unwrap_or(i64::MAX),
        changed: i64::try_from(after.iter().filter(is_changed).count()).unwrap_or(i64::MAX),
    })
}

/// Whether any of these records is there, deleted ones among them.
///
/// # Errors
/// [`Error::Database`].
pub async fn are_there(
    tx: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<bool, Error> {
    Ok(!local::load(tx, connection, sort, ids).await?.is_empty())
}

/// Whether a field of a sort can hold a value; if not, what was expected.
pub(super) fn check(sort: Sort, field: &str, value: &Value) -> Result<(), String> {
    if field
        .strip_prefix("custom.")
        .is_some_and(|name| !name.is_empty())
        || value.is_null() && sort.form(field).is_some()
    {
        return Ok(());
    }
    let form = sort
        .form(field)
        .ok_or_else(|| format!("a {} has no such field", sort.as_str()))?;
    match form.takes(value) {
        true => Ok(()),
        false => Err(format!("expected {}", form.expected())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_takes_what_its_column_can_hold_and_nothing_else() {
        let id = Uuid::from_u128(7).to_string();
        let table = [
            ("budget", json!("1200.50"), true),
            ("budget", json!(1200), true),
            ("budget", json!("much"), false),
            ("budget", json!(true), false),
            ("budget", Value::Null, true),
            ("company", json!("ACME"), true),
            ("company", json!(7), false),
            ("predictive_score", json!(70), true),
            ("predictive_score", json!("70"), true),
            ("predictive_score", json!("7.5"), false),
            ("decision_at", json!("2026-10-01T07:00:00Z"), true),
            ("decision_at", json!("soon"), false),
            ("contact_id", json!(id), true),
            ("contact_id", json!("Ann"), false),
            ("custom.zip", json!({"any": "thing"}), true),
            ("custom.", json!(1), false),
            ("budgets", json!(1), false),
        ];
        for (field, value, fits) in table {
            let said = check(Sort::Lead, field, &value);

            assert_eq!(said.is_ok(), fits, "{field} {value}: {said:?}");
        }
    }
}
