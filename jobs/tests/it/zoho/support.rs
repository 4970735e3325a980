//! A house with a simulated organisation, its credentials, and what the sync left of its items.

use std::time::Duration;

use engine::testing::{WorkerGuard, run_worker};
use engine::{JobView, NewJob, Registry, State, WorkerOptions};
use jobs::history::Entry;
use jobs::product::{self, Product};
use jobs::run::{Partition, Run};
use jobs::zoho::{Summary, sync_items_of, sync_of};
use sim::zoho::{Change, Config, Item, ItemPatch, Switches};

use crate::connection::{self, ZOHO};
use crate::support::PATIENCE;

/// A database, a vendor and an authorised connection.
pub(crate) struct House {
    pub(crate) inner: connection::House,
    pub(crate) env: jobs::Env,
    max_attempts: u16,
    lease: Duration,
    page_size: u16,
}

impl House {
    pub(crate) async fn of(items: u32) -> House {
        House::with(items, 20).await
    }

    /// With items, and a page of the listing of so many.
    pub(crate) async fn with(items: u32, page_size: u16) -> House {
        let config = Config {
            items,
            ..Config::default()
        };
        House::build(config, page_size).await
    }

    pub(crate) async fn build(config: Config, page_size: u16) -> House {
        let inner = connection::House::with(config).await;
        let connections = inner.authorised_with(page_size).await;
        let env = jobs::Env {
            pool: inner.database.pool().clone(),
            connections,
        };
        House {
            inner,
            env,
            max_attempts: 2,
            lease: Duration::from_secs(2),
            page_size,
        }
    }

    /// Where several run at a time: a lease that a busy machine keeps, and an attempt more.
    pub(crate) fn at_leisure(mut self) -> House {
        self.lease = Duration::from_secs(6);
        self.max_attempts = 3;
        self
    }

    fn options(&self) -> WorkerOptions {
        WorkerOptions {
            lease: self.lease,
            ..crate::support::options(8)
        }
    }

    pub(crate) fn engine(&self) -> &engine::Client {
        self.inner.database.client()
    }

    pub(crate) fn vendor(&self) -> &sim::zoho::Simulator {
        &self.inner.zoho
    }

    pub(crate) fn registry(&self) -> Registry {
        crate::support::registry(&self.env, self.max_attempts)
    }

    pub(crate) fn worker(&self) -> WorkerGuard {
        self.worker_with(self.options())
    }

    /// A worker of a process that has just begun: it knows only what the database does.
    pub(crate) fn successor(&self) -> WorkerGuard {
        let connections = self
            .inner
            .connections_with(&[connection::OLD], self.page_size);
        let env = jobs::Env {
            pool: self.env.pool.clone(),
            connections,
        };
        let registry = crate::support::registry(&env, self.max_attempts);
        run_worker(self.engine(), registry, self.options())
    }

    /// Waits until some fault has struck.
    pub(crate) async fn struck(&self) {
        let has = async || self.vendor().faults().iter().any(|one| one.fired > 0);
        connection::until("a fault strikes", has).await;
    }

    pub(crate) fn worker_with(&self, options: WorkerOptions) -> WorkerGuard {
        run_worker(self.engine(), self.registry(), options)
    }

    /// With the attempts said here: the worker may not have made the kind's known yet.
    pub(crate) async fn enqueue(&self, job: NewJob) -> uuid::Uuid {
        let job = job.max_attempts(self.max_attempts);
        self.engine().enqueue(job).await.unwrap().id
    }

    pub(crate) async fn end_of(&self, id: uuid::Uuid) -> JobView {
        let state = self.engine().wait(id, PATIENCE).await.unwrap();
        let job = self.engine().job(id).await.unwrap().unwrap();
        if !state.is_terminal() {
            let why = self.engine().why(id).await.unwrap();
            panic!("after {PATIENCE:?}: {why:?}, {job:?}");
        }
        job
    }

    pub(crate) async fn run(&self, job: NewJob) -> JobView {
        let id = self.enqueue(job).await;
        self.end_of(id).await
    }

    /// Runs a job that must end well.
    pub(crate) async fn done(&self, job: NewJob) -> Summary {
        let job = self.run(job).await;
        assert_eq!(
            job.state,
            State::Completed,
            "{:?} {:?}",
            job.code,
            job.error
        );
        serde_json::from_value(job.result.unwrap()).unwrap()
    }

    /// The token is no longer one that was renewed just now: one like that is not renewed again at once.
    pub(crate) async fn a_while_later(&self) {
        sqlx::query(
            "update sync.credential set refreshed_at = refreshed_at - interval '10 minutes'",
        )
        .execute(&self.env.pool)
        .await
        .unwrap();
    }

    /// As a person does who knows that the remote is well again.
    pub(crate) async fn close_breaker(&self) {
        let actor = engine::Actor::new("test", "test");
        let closed = self.engine().close_breaker(ZOHO, None, &actor).await;
        closed.unwrap();
    }

    pub(crate) async fn synced(&self) -> Summary {
        self.done(sync_of(ZOHO, false, "test")).await
    }

    pub(crate) async fn synced_changes(&self) -> Summary {
        self.done(sync_of(ZOHO, true, "test")).await
    }

    pub(crate) async fn synced_items(&self, ids: &[&str]) -> Summary {
        let ids = ids.iter().map(|&id| id.to_owned()).collect();
        self.done(sync_items_of(ZOHO, ids, "test")).await
    }

    pub(crate) async fn latest_run(&self) -> Run {
        let partition = Partition::Connection(ZOHO.to_owned());
        let run = jobs::run::latest(&self.env.pool, &partition).await;
        run.unwrap().expect("a run")
    }

    pub(crate) async fn products(&self) -> Vec<Product> {
        let (mut products, mut filter) = (Vec::new(), product::Filter::default());
        loop {
            let page = product::list(&self.env.pool, &filter, 500).await.unwrap();
            filter.after = page.next.map(|next| *next.key());
            products.extend(page.data);
            if filter.after.is_none() {
                return products;
            }
        }
    }

    pub(crate) async fn product(&self, item: &str) -> Product {
        let all = self.products().await;
        let found = all.into_iter().find(|one| one.zoho_item_id == item);
        found.unwrap_or_else(|| panic!("no product of item {item}"))
    }

    /// Items whose products are marked as gone.
    pub(crate) async fn gone(&self) -> Vec<String> {
        let all = self.products().await;
        let gone = all.into_iter().filter(|one| one.gone_at.is_some());
        gone.map(|one| one.zoho_item_id).collect()
    }

    pub(crate) async fn history(&self, item: &str) -> Vec<Entry> {
        let of = (jobs::zoho::STREAM, item);
        let page = jobs::history::list(&self.env.pool, of, None, 100).await;
        page.unwrap().data
    }

    /// The live products are the vendor's items, field by field.
    pub(crate) async fn assert_true(&self) {
        let mut expected: Vec<_> = self.vendor().items().iter().map(expected).collect();
        let live = self.products().await;
        let live = live.into_iter().filter(|one| one.gone_at.is_none());
        let mut stored: Vec<_> = live.map(fields).collect();
        expected.sort();
        stored.sort();
        assert_eq!(stored.len(), expected.len());
        for (stored, expected) in stored.iter().zip(&expected) {
            assert_eq!(stored, expected);
        }
    }

    pub(crate) fn change(&self, id: &str, patch: ItemPatch) {
        let id = id.parse().unwrap();
        self.vendor()
            .change(Change::ChangeItem { id, patch })
            .unwrap();
    }

    pub(crate) fn delete(&self, id: &str) {
        let id = id.parse().unwrap();
        self.vendor().change(Change::DeleteItem { id }).unwrap();
    }

    pub(crate) fn add(&self, name: &str) -> String {
        let change = Change::AddItem {
            name: name.into(),
            sku: String::new(),
            rate: "1.50".into(),
        };
        self.vendor().change(change).unwrap()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let items = self.vendor().items();
        items.iter().map(|item| item.id.to_string()).collect()
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.vendor().switches();
        change(&mut switches);
        self.vendor().set_switches(switches);
    }

    /// Calls for items that the vendor saw.
    pub(crate) fn calls(&self) -> usize {
        let log = self.vendor().log();
        log.iter()
            .filter(|call| call.path.contains("/items"))
            .count()
    }

    /// What tells one version of each row from another.
    pub(crate) async fn versions(&self) -> Vec<(i64, String)> {
        sqlx::query_as("select id, xmin::text || ' ' || ctid::text from sync.product order by id")
            .fetch_all(&self.env.pool)
            .await
            .unwrap()
    }

    /// A checksum of every table that a sync may write, by its name.
    pub(crate) async fn checksums(&self) -> Vec<(String, String)> {
        let mut sums = Vec::new();
        for table in [
            "sync.product",
            "sync.zone",
            "sync.run",
            "sync.stream",
            "sync.page",
            "sync.quarantine",
            "sync.history",
            "sync.held_sweep",
            "engine.job",
            "engine.pending",
            "engine.ended",
            "engine.audit",
        ] {
            let sql = format!(
                "select coalesce(md5(string_agg(t::text || t.ctid::text, ' ' order by t.ctid)), '') from {table} t"
            );
            let sum: String = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&self.env.pool)
                .await
                .unwrap();
            sums.push((table.to_owned(), sum));
        }
        sums
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        self.inner.sql(sql).await;
    }
}

type Fields = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
);

/// As the sync must store it, by an arithmetic of its own: no part of ours is asked.
fn expected(item: &Item) -> Fields {
    (
        item.id.to_string(),
        item.name.clone(),
        Some(item.sku.clone()).filter(|sku| !sku.trim().is_empty()),
        Some(plain(&item.rate)),
        item.stock.as_deref().map(plain),
        item.status == "active",
    )
}

fn fields(product: Product) -> Fields {
    (
        product.zoho_item_id,
        product.name,
        product.sku,
        product.price.as_deref().map(plain),
        product.stock_quantity.as_deref().map(plain),
        product.is_active,
    )
}

/// The digits without zeros that mean nothing.
fn plain(number: &str) -> String {
    match number.contains('.') {
        true => number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => number.to_owned(),
    }
}
