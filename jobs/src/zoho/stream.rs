//! The stream of an organisation's products: how a page of items is asked for, and what is stored of one.

use std::sync::Arc;

use connectors::Verdict;
use connectors::page::Item;
use connectors::zoho::{self as remote, Client};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::flow::{Bad, Mode, Next, Page, Partition, Record, Stream, Table, text};
use crate::plan::fingerprint::fingerprint;
use crate::store;

const LONGEST_NAME: usize = 1_000;
const LONGEST_DESCRIPTION: usize = 20_000;
/// Items that are asked for one by one before what came is stored.
const CHOSEN: usize = 20;

/// The products of one organisation, or some of them.
#[derive(Clone)]
pub(super) struct Products {
    pub(super) client: Arc<Client>,
    pub(super) connection: String,
    pub(super) changed: bool,
    /// By their ids; none is all.
    pub(super) items: Arc<[String]>,
}

impl Stream for Products {
    const NAME: &'static str = super::STREAM;
    const TABLE: Table = store::product::TABLE;

    fn connection(&self) -> &str {
        &self.connection
    }

    fn partition(&self) -> Partition {
        Partition::Connection(self.connection.clone())
    }

    fn scope(&self) -> String {
        if self.items.is_empty() {
            return self.connection.clone();
        }
        let chosen = fingerprint(&json!(*self.items));
        let short: String = chosen.iter().take(8).map(|b| format!("{b:02x}")).collect();
        format!("{}#{short}", self.connection)
    }

    fn mode(&self) -> Mode {
        match (self.items.is_empty(), self.changed) {
            (false, _) => Mode::Chosen,
            (true, true) => Mode::Changed,
            (true, false) => Mode::All,
        }
    }

    async fn page(
        &self,
        cursor: Option<String>,
        since: Option<Timestamp>,
    ) -> Result<Page, connectors::Error> {
        if self.items.is_empty() {
            let page = self.client.items_page(cursor.as_deref(), since).await?;
            if page.filter_ignored {
                tracing::warn!(
                    connection = self.connection,
                    "Zoho gives items of {} that were not modified as asked for: sync all instead",
                    self.connection
                );
            }
            return Ok(Page::of(page, read));
        }
        let from = cursor.and_then(|place| place.parse().ok()).unwrap_or(0);
        self.chosen(from).await
    }
}

impl Products {
    /// The next of the items that were asked for by id.
    async fn chosen(&self, from: usize) -> Result<Page, connectors::Error> {
        let mut page = Page {
            fetched: 0,
            records: Vec::new(),
            bad: Vec::new(),
            gone: Vec::new(),
            next: Next::End,
            total: None,
            server_at: None,
        };
        for (at, id) in self.items.iter().enumerate().skip(from).take(CHOSEN) {
            match self.client.item(id).await {
                Ok(item) => match read(item) {
                    Ok(record) => page.records.push(record),
                    Err(bad) => page.bad.push(bad),
                },
                Err(connectors::Error::Gone { .. }) => page.gone.push(id.clone()),
                // The remote does not take this one as it is asked for: the others are no worse for it.
                Err(connectors::Error::Rejected { code, .. }) => page.bad.push(Bad {
                    key: Some(id.clone()),
                    field: "id".into(),
                    expected: format!("one that the remote accepts (it says code {code})"),
                    raw: Value::Null,
                }),
                // What was given is kept, or the next attempt would spend its calls on the same items again, and
                // with few to spend get no further.
                Err(error) if at > from && may_pass(&error) => {
                    page.next = Next::More(at.to_string());
                    return Ok(page);
                }
                Err(error) => return Err(error),
            }
            page.fetched += 1;
        }
        let end = from + CHOSEN;
        if end < self.items.len() {
            page.next = Next::More(end.to_string());
        }
        Ok(page)
    }
}

fn may_pass(error: &connectors::Error) -> bool {
    matches!(error.verdict(), Verdict::Throttled { .. } | Verdict::Retry)
}

fn read(item: Item<remote::Item>) -> Result<Record, Bad> {
    match item.decoded {
        Ok(item) => Ok(record(&item)),
        Err(error) => {
            // What the connector kept as it came was valid JSON there.
            let raw: Value = serde_json::from_str(item.raw.get()).unwrap_or_default();
            Err(Bad::of(item.id, error, raw))
        }
    }
}

fn record(item: &remote::Item) -> Record {
    let long = |value: &Option<String>, longest| value.as_ref().map(|one| text(one, longest));
    let mut fields = Map::from_iter([
        ("name".to_owned(), json!(text(&item.name, LONGEST_NAME))),
        ("sku".to_owned(), json!(long(&item.sku, LONGEST_NAME))),
        (
            "description".to_owned(),
            json!(long(&item.description, LONGEST_DESCRIPTION)),
        ),
        ("price".to_owned(), json!(item.price.map(decimal))),
        ("is_active".to_owned(), json!(item.is_active())),
    ]);
    // No word on the stock is no reason to forget what is stored.
    if let Some(stock) = item.stock {
        fields.insert("stock_quantity".to_owned(), json!(decimal(stock)));
    }
    Record {
        key: item.id.clone(),
        fields,
        modified_at: item.modified_at,
        kept: None,
    }
}

/// 6.0, 6.00 and 6 are one price.
fn decimal(number: Decimal) -> String {
    number.normalize().to_string()
}
