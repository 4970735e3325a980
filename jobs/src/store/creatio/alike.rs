//! Alike: records of one side by the keys that people are found again by.

use std::collections::{BTreeMap, HashMap};

use sqlx::postgres::PgConnection;
use sqlx::{Acquire as _, Postgres, Transaction};
use uuid::Uuid;

use crate::Error;

/// Records that have no counterpart yet, by their keys; of each key no more than make the matter unclear.
#[derive(Debug, Default)]
pub(crate) struct Alike(HashMap<String, Vec<(Uuid, Vec<String>)>>);

impl Alike {
    pub(super) fn of(rows: Vec<(String, Uuid, Vec<String>)>) -> Alike {
        let mut by_key: HashMap<String, Vec<(Uuid, Vec<String>)>> = HashMap::new();
        for (key, id, keys) in rows {
            by_key.entry(key).or_default().push((id, keys));
        }
        Alike(by_key)
    }

    /// Those that have any of the keys, with all theirs.
    pub(crate) fn with<'a>(&'a self, keys: &[String]) -> BTreeMap<Uuid, &'a [String]> {
        let found = keys.iter().filter_map(|key| self.0.get(key)).flatten();
        found.map(|(id, keys)| (*id, keys.as_slice())).collect()
    }
}

/// A first import begins with empty tables, and a session keeps its plans: one that reads a whole table, good then,
/// reads a million records for each that comes.
pub(super) async fn probing(conn: &mut PgConnection) -> Result<Transaction<'_, Postgres>, Error> {
    let mut tx = conn.begin().await?;
    let settings = "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off";
    sqlx::raw_sql(settings).execute(&mut *tx).await?;
    Ok(tx)
}
