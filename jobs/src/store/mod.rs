//! All SQL of the schema `sync`. One function is one statement; it takes a connection, so the
//! caller owns the transaction.

pub(crate) mod alert;
pub(crate) mod company;
pub(crate) mod connection;
pub(crate) mod creatio;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod migrate;
pub(crate) mod outcome;
pub(crate) mod package;
pub(crate) mod page;
pub(crate) mod product;
pub(crate) mod profile;
pub(crate) mod quarantine;
pub(crate) mod record;
pub(crate) mod refresh;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod secret;
pub(crate) mod seed;
pub(crate) mod zone;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{PgPool, Postgres, Row};

use crate::Error;

/// A list, planned for the filters of this call: the one plan that Postgres would settle on for all of them reads the
/// whole table.
fn listing(sql: &'static str) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).persistent(false)
}

/// Runs `work` in a transaction of its own, in a task that ends even when the caller is dropped:
/// sqlx hands a connection back with its transaction open when a future is dropped inside `begin`,
/// and a handler that does not stop in time is dropped.
pub(crate) async fn in_transaction<T, W>(pool: &PgPool, work: W) -> Result<T, Error>
where
    T: Send + 'static,
    W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
{
    let pool = pool.clone();
    let done = tokio::spawn(async move {
        let mut tx = pool.begin().await?;
        let value = work(&mut tx).await?;
        tx.commit().await?;
        Ok(value)
    });
    match done.await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// JSON as jsonb takes it: Postgres cannot store NUL. Looked for in the texts themselves: in the JSON, a text of
/// a backslash and `u0000` would look the same, and be stored as another one for ever.
pub(crate) fn storable(value: &Value) -> String {
    let text = value.to_string();
    match text.contains("\\u0000") {
        true => without_nul(value).to_string(),
        false => text,
    }
}

fn without_nul(value: &Value) -> Value {
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(one) => Value::String(text(one)),
        Value::Array(all) => all.iter().map(without_nul).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (text(name), without_nul(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn instant(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    Ok(row.try_get::<jiff_sqlx::Timestamp, _>(column)?.to_jiff())
}

fn instant_or_none(row: &PgRow, column: &str) -> sqlx::Result<Option<Timestamp>> {
    Ok(row
        .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
        .map(jiff_sqlx::Timestamp::to_jiff))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_nul_itself_is_replaced() {
        let odd = json!({"a\0": ["\0", "\\u0000", "\\\0"], "b": 1});

        let stored: Value = serde_json::from_str(&storable(&odd)).unwrap();

        assert_eq!(
            stored,
            json!({"a\u{fffd}": ["\u{fffd}", "\\u0000", "\\\u{fffd}"], "b": 1})
        );
    }
}
