//! The stream of an account's zones: how a page of them is asked for, and what is stored of it.

use std::sync::Arc;

use connectors::soundtrack::{self as remote, Client, Item, ZoneStatus};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::postgres::PgConnection;

use crate::flow::{Bad, Next, Page, Partition, Record, Stream, Table, text};
use crate::plan::adopt::adoptions;
use crate::plan::fingerprint::fingerprint;
use crate::zone::Status;
use crate::{Error, store};

/// Names are cut to this many characters; identity is the id.
const LONGEST_NAME: usize = 1_000;

/// The zones of one account.
#[derive(Clone)]
pub(super) struct Zones {
    pub(super) client: Arc<Client>,
    pub(super) company_id: i64,
    pub(super) account_id: String,
}

impl Stream for Zones {
    const NAME: &'static str = super::STREAM;
    const TABLE: Table = store::zone::TABLE;

    fn connection(&self) -> &str {
        super::CONNECTION
    }

    fn partition(&self) -> Partition {
        Partition::Company(self.company_id)
    }

    fn scope(&self) -> String {
        self.account_id.clone()
    }

    async fn page(
        &self,
        cursor: Option<String>,
        _since: Option<Timestamp>,
    ) -> Result<Page, connectors::Error> {
        let page = self
            .client
            .zones_page(&self.account_id, cursor.as_deref())
            .await?;
        let fetched = page.items.len() + usize::try_from(page.lost).unwrap_or(usize::MAX);
        let mut records = Vec::with_capacity(page.items.len());
        let mut bad: Vec<Bad> = (0..page.lost).map(|_| lost()).collect();
        for item in page.items {
            match read(item) {
                Ok(record) => records.push(record),
                Err(one) => bad.push(one),
            }
        }
        let next = match page.next {
            remote::Next::More(cursor) => Next::More(cursor),
            remote::Next::End => Next::End,
            remote::Next::Unclear => Next::Unclear,
        };
        Ok(Page {
            fetched,
            records,
            bad,
            gone: Vec::new(),
            next,
            total: page.total,
            server_at: None,
        })
    }

    async fn adopt(
        tx: &mut PgConnection,
        run_id: i64,
        partition: &Partition,
    ) -> Result<u64, Error> {
        let company_id = partition.company_id().unwrap_or_default();
        let without_id = store::zone::without_id(tx, company_id).await?;
        if without_id.is_empty() {
            return Ok(0);
        }
        let names: Vec<String> = without_id
            .iter()
            .map(|row| row.name.trim().to_owned())
            .collect();
        let with_id = store::zone::with_id(tx, run_id, &names).await?;
        match adoptions(&without_id, &with_id) {
            adoptions if adoptions.is_empty() => Ok(0),
            adoptions => store::zone::adopt(tx, &adoptions).await,
        }
    }
}

fn read(item: Item<remote::Zone>) -> Result<Record, Bad> {
    // What the connector kept as it came was valid JSON there.
    let raw: Value = serde_json::from_str(item.raw.get()).unwrap_or_default();
    let key = |id: &str| text(id, LONGEST_NAME);
    match item.decoded {
        Ok(zone) => {
            let device = zone
                .device
                .as_ref()
                .map(|device| text(&device.name, LONGEST_NAME));
            let fields = Map::from_iter([
                ("name".to_owned(), json!(text(&zone.name, LONGEST_NAME))),
                (
                    "status".to_owned(),
                    json!(status(ZoneStatus::of(&zone)).as_str()),
                ),
                ("device_name".to_owned(), json!(device)),
            ]);
            let hash = fingerprint(&raw);
            Ok(Record {
                key: key(&zone.id),
                fields,
                modified_at: None,
                kept: Some((raw, hash)),
            })
        }
        Err(error) => Err(Bad::of(item.id.as_deref().map(key), error, raw)),
    }
}

/// An edge without its node: a zone that exists and could not be seen.
fn lost() -> Bad {
    Bad {
        key: None,
        field: "node".into(),
        expected: "a zone".into(),
        raw: Value::Null,
    }
}

fn status(status: ZoneStatus) -> Status {
    match status {
        ZoneStatus::Online => Status::Online,
        ZoneStatus::Offline => Status::Offline,
        ZoneStatus::NoDevice => Status::NoDevice,
        ZoneStatus::Pending => Status::Pending,
        ZoneStatus::Expired => Status::Expired,
    }
}
