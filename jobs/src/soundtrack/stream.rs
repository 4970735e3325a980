//! The stream of an account's zones: how a page of them is asked for, and what is stored of it.

use std::sync::Arc;

use connectors::soundtrack::{self as remote, Client, Item, ZoneStatus};
use serde_json::Value;
use sqlx::postgres::PgConnection;

use crate::flow::{Bad, Missing, Next, Page, Stream};
use crate::plan::adopt::adoptions;
use crate::plan::classify::{Class, classify};
use crate::plan::fingerprint::fingerprint;
use crate::zone::{Status, ZoneRecord};
use crate::{Error, store};

/// Names are cut to this many characters; identity is the id.
const LONGEST_NAME: usize = 1_000;

/// The zones of one account.
#[derive(Clone)]
pub(super) struct Zones {
    pub(super) client: Arc<Client>,
    pub(super) account_id: String,
}

impl Stream for Zones {
    const NAME: &'static str = "soundtrack.zones";
    type Record = ZoneRecord;
    const CONNECTION: &'static str = super::CONNECTION;

    fn scope(&self) -> &str {
        &self.account_id
    }

    fn key(record: &ZoneRecord) -> &str {
        &record.key
    }

    async fn page(&self, cursor: Option<String>) -> Result<Page<ZoneRecord>, connectors::Error> {
        let page = self
            .client
            .zones_page(&self.account_id, cursor.as_deref())
            .await?;
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
            records,
            bad,
            next,
            total: page.total,
        })
    }

    async fn merge(
        tx: &mut PgConnection,
        company_id: i64,
        records: &[ZoneRecord],
    ) -> Result<Vec<Class>, Error> {
        let keys: Vec<String> = records.iter().map(|zone| zone.key.clone()).collect();
        let stored = store::zone::stored(tx, &keys).await?;
        let (mut classes, mut create, mut update) = (Vec::new(), Vec::new(), Vec::new());
        for zone in records {
            let class = classify(stored.get(&zone.key), company_id, &zone.hash);
            match class {
                Class::Created => create.push(zone),
                Class::Updated | Class::Revived => update.push(zone),
                Class::Unchanged => {}
            }
            classes.push(class);
        }
        store::zone::create(tx, company_id, &create).await?;
        store::zone::update(tx, company_id, &update).await?;
        Ok(classes)
    }

    async fn missing(
        tx: &mut PgConnection,
        run_id: i64,
        last: &[String],
    ) -> Result<Missing, Error> {
        store::sweep::count(tx, run_id, last).await
    }

    async fn sweep(tx: &mut PgConnection, run_id: i64, last: &[String]) -> Result<u64, Error> {
        store::sweep::orphan(tx, run_id, last).await
    }

    async fn adopt(tx: &mut PgConnection, run_id: i64, company_id: i64) -> Result<u64, Error> {
        let without_id = store::zone::without_id(tx, company_id).await?;
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

fn read(item: Item<remote::Zone>) -> Result<ZoneRecord, Bad> {
    // What the connector kept as it came was valid JSON there.
    let raw: Value = serde_json::from_str(item.raw.get()).unwrap_or_default();
    match item.decoded {
        Ok(zone) => Ok(ZoneRecord {
            status: status(ZoneStatus::of(&zone)),
            key: text(&zone.id),
            name: text(&zone.name),
            device_name: zone.device.map(|device| text(&device.name)),
            hash: fingerprint(&raw),
            raw,
        }),
        Err(error) => Err(Bad {
            key: item.id.as_deref().map(text),
            field: error.field,
            expected: error.expected.to_owned(),
            raw,
        }),
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

/// Text as Postgres takes it.
fn text(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\0' { '\u{fffd}' } else { c })
        .take(LONGEST_NAME)
        .collect()
}
