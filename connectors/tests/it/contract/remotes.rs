//! The four connectors, each before its simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use connectors::Error;
use connectors::budget::{SharedBucket, Window};
use connectors::page::{Item, Page};
use connectors::{creatio, soundtrack, supabase, zoho};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sim::wire::Fault;

use super::odd::Field;
use super::since::Dated;
use super::{Remote, Seen};
use crate::{
    creatio as creatio_bed, soundtrack as soundtrack_bed, supabase as supabase_bed,
    zoho as zoho_bed,
};

/// Long enough for an honest answer on a busy machine, and awaited at every silence.
const TIMEOUT: Duration = Duration::from_millis(400);
const MOST_BYTES: usize = 1_000_000;

fn ids<T>(items: &[Item<T>]) -> Vec<String> {
    items.iter().filter_map(|item| item.id.clone()).collect()
}

fn seen<T>(page: Page<T>, show: impl Fn(&T) -> String) -> Seen {
    let shown = |item: &Item<T>| match &item.decoded {
        Ok(record) => show(record),
        Err(error) => format!("{error:?}"),
    };
    Seen {
        ids: ids(&page.items),
        records: page.items.iter().map(shown).collect(),
        next: page.next,
        total: page.total,
    }
}

pub(super) struct Creatio(creatio_bed::Bed, connectors::Keeper);

impl Remote for Creatio {
    const ID: &'static str = "/Id";
    const FIELDS: &'static [(&'static str, Field)] = &[
        ("/Name", Field::Any),
        ("/Email", Field::Any),
        ("/ModifiedOn", Field::Instant),
    ];
    const EMPTY_IS_PROOF: Option<bool> = None;
    const NAME: &'static str = "creatio";
    const SIZES: &'static [u16] = &[1, 2, 7, 44, 45, 46, 1_000];
    type Client = creatio::Client;

    async fn start_with(records: u32) -> Self {
        let mut bed = creatio_bed::Bed::new(records).await;
        bed.http.request_timeout = TIMEOUT;
        bed.http.max_reply_bytes = MOST_BYTES;
        let keeper = bed.keeper();
        Self(bed, keeper)
    }

    fn client(&self) -> creatio::Client {
        let window = Window::new(10_000, creatio_bed::MINUTE);
        self.0.client_of(self.1.clone(), window)
    }

    async fn page(&self, client: &creatio::Client, cursor: Option<&str>) -> Result<Seen, Error> {
        let page = client.page(&contacts(), cursor, None).await;
        page.map(|page| seen(page, shown))
    }

    fn resize(&mut self, page_size: u16) {
        self.0.page_size = page_size;
    }

    fn expire(&self) {
        self.0.sim.expire_access_tokens();
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.sim.config().client_secret.clone()]
    }

    fn inject(&self, fault: Fault) {
        self.0.sim.inject(fault);
    }

    fn clear(&self) {
        self.0.sim.clear_faults();
    }

    fn truth(&self) -> BTreeSet<String> {
        self.0.true_ids("Contact")
    }
}

impl Dated for Creatio {
    const EARLY: SignedDuration = SignedDuration::ZERO;

    async fn page_since(
        &self,
        client: &creatio::Client,
        cursor: Option<&str>,
        since: Timestamp,
    ) -> Result<(Seen, bool), Error> {
        let page = client.page(&contacts(), cursor, Some(since)).await?;
        let is_ignored = page.filter_ignored;
        Ok((seen(page, shown), is_ignored))
    }

    fn times(&self) -> BTreeMap<String, Timestamp> {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let records = self.0.sim.records("Contact").into_iter();
        let time = |one: serde_json::Value| {
            let at = text(&one["ModifiedOn"]).parse().unwrap();
            (text(&one["Id"]), at)
        };
        records.map(time).collect()
    }

    fn stamp(&self, id: &str, at: Timestamp) {
        let set = json!({"ModifiedOn": at.to_string()});
        let id = sim::creatio::Guid::parse(id).unwrap();
        let change = sim::creatio::Change::set("Contact", id, set);
        self.0.sim.change(change).unwrap();
    }
}

fn contacts() -> creatio::Ask {
    creatio::Ask::new("Contact", ["Name", "Email"])
}

fn shown(one: &creatio::Record) -> String {
    format!("{} {:#}", one.id, json!(one.fields))
}

pub(super) struct Soundtrack(soundtrack_bed::Bed);

impl Remote for Soundtrack {
    const ID: &'static str = "/node/id";
    const FIELDS: &'static [(&'static str, Field)] = &[
        ("/node/name", Field::Text),
        ("/node/online", Field::Flag),
        ("/node/isPaired", Field::Flag),
        ("/node/streamingType", Field::Text),
        ("/node/device", Field::OnlyNull),
        ("/node/subscription", Field::Nothing),
        ("/node/subscription/state", Field::Text),
        ("/node/subscription/isActive", Field::Flag),
        ("/node/subscription/activeUntil", Field::OnlyNull),
        ("/node/status/state", Field::Text),
        ("/node/status/code", Field::Text),
    ];
    const EMPTY_IS_PROOF: Option<bool> = Some(true);
    const NAME: &'static str = "soundtrack";
    const SIZES: &'static [u16] = &[1, 2, 7, 44, 45, 46, 100];
    type Client = soundtrack::Client;

    async fn start_with(records: u32) -> Self {
        let mut bed = soundtrack_bed::Bed::unlimited(records).await;
        bed.page_size = 10;
        bed.http.request_timeout = TIMEOUT;
        bed.http.max_reply_bytes = MOST_BYTES;
        Self(bed)
    }

    fn client(&self) -> soundtrack::Client {
        self.0
            .client_with(self.0.sim.token(), SharedBucket::new(self.0.bucket))
    }

    async fn page(&self, client: &soundtrack::Client, cursor: Option<&str>) -> Result<Seen, Error> {
        let page = client.zones_page(&self.0.account(), cursor).await?;
        let page = Page {
            items: page.items,
            next: page.next,
            total: page.total,
            filter_ignored: false,
            server_date: None,
        };
        Ok(seen(page, |one| format!("{one:#?}")))
    }

    fn resize(&mut self, page_size: u16) {
        self.0.page_size = page_size;
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.sim.token().to_owned()]
    }

    fn inject(&self, fault: Fault) {
        self.0.sim.inject_on_wire(fault);
    }

    fn clear(&self) {
        self.0.sim.clear_wire();
    }

    fn truth(&self) -> BTreeSet<String> {
        let truth = self.0.sim.truth();
        truth.accounts[0]
            .zones
            .iter()
            .map(|zone| zone.id.clone())
            .collect()
    }
}

pub(super) struct Zoho(zoho_bed::Bed, connectors::Keeper);

impl Remote for Zoho {
    const ID: &'static str = "/item_id";
    const FIELDS: &'static [(&'static str, Field)] = &[
        ("/name", Field::Text),
        ("/sku", Field::MaybeText),
        ("/rate", Field::Price),
        ("/stock_on_hand", Field::Number),
        ("/status", Field::Text),
        ("/item_type", Field::MaybeText),
        ("/unit", Field::MaybeText),
        ("/description", Field::MaybeText),
        ("/created_time", Field::Instant),
        ("/last_modified_time", Field::Instant),
    ];
    const EMPTY_IS_PROOF: Option<bool> = Some(true);
    const RECORDS: u32 = 90;
    const NAME: &'static str = "zoho";
    const SIZES: &'static [u16] = &[20, 21, 30, 44, 45, 46, 89, 90, 91, 199, 200];
    type Client = zoho::Client;

    async fn start_with(records: u32) -> Self {
        // Without a limit on tokens: that one is not the matter here.
        let switches = sim::zoho::Switches {
            mints_in_ten_minutes: usize::MAX,
            ..sim::zoho::Switches::default()
        };
        let mut bed = zoho_bed::Bed::with(records, switches).await;
        bed.http.request_timeout = TIMEOUT;
        bed.http.max_reply_bytes = MOST_BYTES;
        let keeper = bed.keeper();
        Self(bed, keeper)
    }

    fn client(&self) -> zoho::Client {
        self.0
            .client_of(self.1.clone(), Window::new(10_000, zoho_bed::MINUTE))
    }

    async fn page(&self, client: &zoho::Client, cursor: Option<&str>) -> Result<Seen, Error> {
        let page = client.items_page(cursor, None).await;
        page.map(|page| seen(page, |one| format!("{one:#?}")))
    }

    fn resize(&mut self, page_size: u16) {
        self.0.page_size = page_size;
    }

    fn expire(&self) {
        self.0.sim.expire_access_tokens();
    }

    fn secrets(&self) -> Vec<String> {
        let config = self.0.sim.config();
        vec![config.client_secret.clone(), config.refresh_token.clone()]
    }

    fn inject(&self, fault: Fault) {
        self.0.sim.inject(fault);
    }

    fn clear(&self) {
        self.0.sim.clear_faults();
    }

    fn truth(&self) -> BTreeSet<String> {
        self.0
            .sim
            .items()
            .iter()
            .map(|item| item.id.to_string())
            .collect()
    }
}

impl Dated for Zoho {
    /// The filter is exclusive and by the whole second, so it is asked for the one before.
    const EARLY: SignedDuration = SignedDuration::from_secs(1);

    async fn page_since(
        &self,
        client: &zoho::Client,
        cursor: Option<&str>,
        since: Timestamp,
    ) -> Result<(Seen, bool), Error> {
        let page = client.items_page(cursor, Some(since)).await?;
        let is_ignored = page.filter_ignored;
        Ok((seen(page, |one| format!("{one:#?}")), is_ignored))
    }

    fn times(&self) -> BTreeMap<String, Timestamp> {
        let items = self.0.sim.items().into_iter();
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        items
            .map(|item| (item.id.to_string(), time(item.modified_s)))
            .collect()
    }

    fn stamp(&self, id: &str, at: Timestamp) {
        let patch = sim::zoho::ItemPatch {
            modified_s: Some(at.as_second()),
            ..sim::zoho::ItemPatch::default()
        };
        let id = id.parse().unwrap();
        let change = sim::zoho::Change::ChangeItem { id, patch };
        self.0.sim.change(change).unwrap();
    }
}

pub(super) struct Supabase(supabase_bed::Bed);

impl Remote for Supabase {
    const ID: &'static str = "/id";
    const FIELDS: &'static [(&'static str, Field)] = &[
        ("/customer_name", Field::MaybeText),
        ("/contact_number", Field::MaybeText),
        ("/email", Field::MaybeText),
        ("/stable_hash_id", Field::MaybeText),
        ("/update_time", Field::Instant),
    ];
    const EMPTY_IS_PROOF: Option<bool> = Some(false);
    const NAME: &'static str = "supabase";
    const SIZES: &'static [u16] = &[1, 2, 7, 44, 45, 46, 1_000];
    type Client = supabase::Client;

    async fn start_with(records: u32) -> Self {
        let mut bed = supabase_bed::Bed::new(records).await;
        bed.http.request_timeout = TIMEOUT;
        bed.http.max_reply_bytes = MOST_BYTES;
        Self(bed)
    }

    fn client(&self) -> supabase::Client {
        self.0.client()
    }

    async fn page(&self, client: &supabase::Client, cursor: Option<&str>) -> Result<Seen, Error> {
        // Its `Debug` tells no more than its id.
        let show = |one: &supabase::Customer| {
            let who = (&one.name, &one.phone, &one.email, &one.stable_hash);
            format!("{} {who:#?}", one.id)
        };
        let page = client.customers_page(cursor, None).await;
        page.map(|page| seen(page, show))
    }

    fn resize(&mut self, page_size: u16) {
        self.0.page_size = page_size;
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.key.clone()]
    }

    fn inject(&self, fault: Fault) {
        self.0.sim.inject(fault);
    }

    fn clear(&self) {
        self.0.sim.clear_faults();
    }

    fn truth(&self) -> BTreeSet<String> {
        self.0.true_ids().into_iter().collect()
    }
}
