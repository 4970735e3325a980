//! The streams of a Creatio: how a page of records is asked for, and what is kept of one.

use std::sync::Arc;

use connectors::creatio::{Ask, Client};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Sort;
use super::mapping::{Mapping, SortMap};
use crate::flow::reconcile::ground::keys;
use crate::flow::{Bad, Mode, Page, Partition, Record, Stream, Table};
use crate::plan::fingerprint::fingerprint;
use crate::store::creatio::observed;
use crate::{Env, Error};

/// The records of the `NTH` sort.
#[derive(Clone)]
pub(super) struct Records<const NTH: usize> {
    client: Arc<Client>,
    connection: String,
    changed: bool,
    map: Arc<SortMap>,
    ask: Ask,
}

impl<const NTH: usize> Records<NTH> {
    const SORT: Sort = Sort::ALL[NTH];

    /// # Errors
    /// [`Error::Invalid`] when the mapping has no such sort; those of the connection.
    pub(super) async fn new(
        env: &Env,
        connection: &str,
        mapping: &Mapping,
        changed: bool,
    ) -> Result<Self, Error> {
        let map = mapping.sort(Self::SORT).cloned().ok_or_else(|| {
            Error::Invalid(format!(
                "the mapping of {connection} has no {}",
                Self::SORT.as_str()
            ))
        })?;
        Ok(Records {
            client: env.connections.creatio(connection).await?,
            connection: connection.to_owned(),
            changed,
            ask: Ask::new(&map.remote, map.columns()),
            map: Arc::new(map),
        })
    }
}

impl<const NTH: usize> Stream for Records<NTH> {
    const NAME: &'static str = Sort::ALL[NTH].stream();
    const TABLE: Table = observed::table(Sort::ALL[NTH]);

    fn connection(&self) -> &str {
        &self.connection
    }

    fn partition(&self) -> Partition {
        Partition::Connection(self.connection.clone())
    }

    /// Of other columns nothing is known of what was read before.
    fn scope(&self) -> String {
        let columns: Vec<&str> = self.map.columns().collect();
        let asked = fingerprint(&json!([self.map.remote, columns, self.map.match_by]));
        let short: String = asked
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}#{short}", self.connection)
    }

    fn mode(&self) -> Mode {
        if self.changed {
            Mode::Changed
        } else {
            Mode::All
        }
    }

    async fn page(
        &self,
        cursor: Option<String>,
        since: Option<Timestamp>,
    ) -> Result<Page, connectors::Error> {
        let page = self
            .client
            .page(&self.ask, cursor.as_deref(), since)
            .await?;
        Ok(Page::of(page, |item| match item.decoded {
            Ok(record) => Ok(Record {
                key: record.id.to_string(),
                modified_at: record.modified_at,
                kept: Some((
                    json!({
                        "modified_at": record.modified_at, "modified_by": record.modified_by,
                        "keys": keys(&self.map, &record.fields),
                    }),
                    // The fields alone decide whether a row changes: that it was saved once more is no change.
                    Vec::new(),
                )),
                fields: record.fields,
            }),
            Err(error) => {
                let raw: Value = serde_json::from_str(item.raw.get()).unwrap_or_default();
                Err(Bad::of(item.id, error, raw))
            }
        }))
    }
}
