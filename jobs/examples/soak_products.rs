//! `./dev soak products`: 20,000 products that are added, changed and deleted while they are listed, with a
//! restart in the middle, and what that took. It ends with an error when a product is not as its item is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use connectors::reach::Service;
use connectors::zoho::DataCentre;
use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Actor, BudgetChange, BudgetRule, Registry, Start, State, WorkerOptions};
use jobs::connection::Declared;
use jobs::product::{self, Product};
use jobs::run::{self, Partition};
use jobs::testing::{self, memory};
use jobs::zoho::sync_of;
use sim::zoho::{Change, Config, Item, ItemPatch, Simulator, Switches};
use tokio::time::Instant;

const ZOHO: &str = "zoho/10234695";
const ITEMS: u32 = 20_000;
/// Of a change of the vendor's items; each is an addition, a change or a deletion.
const EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);

type Failure = Box<dyn std::error::Error>;

struct Stage {
    database: Database,
    vendor: Arc<Simulator>,
    env: jobs::Env,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let items = match std::env::args().nth(1) {
        Some(items) => items.parse()?,
        None => ITEMS,
    };
    println!(
        "{items} items, one changed every {} ms while they are synced",
        EVERY.as_millis()
    );
    let stage = set(items).await?;
    println!(
        "memory before the first sync, the vendor's items included: {} MB",
        memory("self", "VmRSS:")
    );
    let worker = stage.worker();
    stage.sync("the first sync, at rest").await?;
    stage.sync("again, nothing changed").await?;

    let (still, stirred) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let stirring = tokio::spawn(stir(stage.vendor.clone(), still.clone(), stirred.clone()));
    let moving = stage.sync("while items move").await;
    // Half way through the next one, the worker is killed.
    let job = stage
        .database
        .client()
        .enqueue(sync_of(ZOHO, false, "soak"))
        .await?;
    let began = Instant::now();
    while stage.pages().await? < 20 && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(worker);
    let _worker = stage.worker();
    let state = stage.database.client().wait(job.id, PATIENCE).await?;
    stage
        .report("while items move, its worker killed", began)
        .await?;
    still.store(true, Ordering::Release);
    stirring.await?;
    moving?;
    if state != State::Completed {
        return Err(format!("the killed sync is {state}").into());
    }
    println!("changes meanwhile: {}", stirred.load(Ordering::Acquire));
    let wrongly = stage.wrongly_gone().await?;
    stage.sync("at rest again").await?;
    let (products, wrong) = stage.compare().await?;
    println!(
        "products that live: {products}; not as their item: {wrong}; marked though they lived: {wrongly}"
    );
    println!("memory at most: {} MB", memory("self", "VmHWM:"));
    match (wrong, wrongly) {
        (0, 0) => Ok(()),
        _ => Err("the products are not as their items are".into()),
    }
}

async fn set(items: u32) -> Result<Stage, Failure> {
    let config = Config {
        items,
        switches: Switches {
            per_minute: None,
            per_day: None,
            ..Switches::default()
        },
        ..Config::default()
    };
    let (database, vendor) = tokio::join!(testing::database(), Simulator::start(config));
    let vendor = vendor?;
    widen(&database).await?;
    let declared = Declared {
        centre: Some(DataCentre::Us),
        ..testing::declared(ZOHO, Service::Zoho, vendor.api_domain())
    };
    let keys = Some(testing::keyring());
    let connections = testing::connections(database.client(), vec![declared], keys);
    let config = vendor.config();
    let secrets = [
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
        ("refresh_token", config.refresh_token.as_str()),
    ];
    testing::authorise(&connections, database.pool(), ZOHO, &secrets).await?;
    let pool = database.pool().clone();
    Ok(Stage {
        database,
        vendor: Arc::new(vendor),
        env: jobs::Env { pool, connections },
    })
}

/// As `lockstep budget set` does: the walk is to be measured, and not the vendor's hundred calls a minute.
async fn widen(database: &Database) -> Result<(), Failure> {
    let actor = Actor::new("soak", "cli");
    let change = BudgetChange {
        capacity: Some(1e6),
        refill_per_s: Some(1e4),
        ..BudgetChange::default()
    };
    for key in [ZOHO.to_owned(), format!("{ZOHO}/day")] {
        let rule = BudgetRule {
            key: key.clone(),
            capacity: 1e6,
            refill_per_s: 1e4,
            refill_ceiling_per_s: 1e4,
            start: Start::Full,
        };
        database.client().declare_budget(&rule).await?;
        let why = Some("a soak");
        database
            .client()
            .set_budget(&key, &change, why, &actor)
            .await?;
    }
    Ok(())
}

/// Adds, changes and deletes, anywhere in the listing, until it is told to be still.
async fn stir(vendor: Arc<Simulator>, still: Arc<AtomicBool>, stirred: Arc<AtomicU64>) {
    let (mut nth, mut ids) = (0_u64, Vec::new());
    while !still.load(Ordering::Acquire) {
        if nth.is_multiple_of(200) {
            ids = vendor.items().iter().map(|item| item.id).collect();
        }
        // Strides that meet every part of the listing.
        let id = ids[usize::try_from(nth * 7_919).unwrap_or(0) % ids.len()];
        let change = match nth % 10 {
            0 => Change::DeleteItem { id },
            1 => Change::AddItem {
                name: format!("Added {nth}"),
                sku: String::new(),
                rate: "3.10".into(),
            },
            _ => Change::ChangeItem {
                id,
                patch: patch(nth),
            },
        };
        if vendor.change(change).is_ok() {
            stirred.fetch_add(1, Ordering::AcqRel);
        }
        nth += 1;
        tokio::time::sleep(EVERY).await;
    }
}

/// Each field in its turn, and every second time another value.
fn patch(nth: u64) -> ItemPatch {
    let pick = |one: &str, other: &str| {
        let is_one = (nth / 10).is_multiple_of(2);
        Some(if is_one { one } else { other }.to_owned())
    };
    let mut patch = ItemPatch::default();
    match nth % 5 {
        0 => patch.name = Some(format!("Renamed {nth}")),
        1 => patch.sku = pick("SK-MOVED", ""),
        2 => patch.rate = Some(format!("{nth}.25")),
        3 => patch.stock = Some(format!("-{nth}.5")),
        _ => patch.status = pick("inactive", "active"),
    }
    patch
}

impl Stage {
    fn worker(&self) -> WorkerGuard {
        let registry = jobs::register(Registry::new(), &self.env);
        let options = WorkerOptions {
            lease: Duration::from_secs(5),
            heartbeat: Duration::from_secs(1),
            ..WorkerOptions::default()
        };
        run_worker(self.database.client(), registry, options)
    }

    async fn sync(&self, what: &str) -> Result<(), Failure> {
        let began = Instant::now();
        let client = self.database.client();
        let job = client.enqueue(sync_of(ZOHO, false, "soak")).await?;
        let state = client.wait(job.id, PATIENCE).await?;
        self.report(what, began).await?;
        match state {
            State::Completed => Ok(()),
            other => Err(format!("{what}: its job is {other}").into()),
        }
    }

    async fn report(&self, what: &str, began: Instant) -> Result<(), Failure> {
        let partition = Partition::Connection(ZOHO.to_owned());
        let run = run::latest(&self.env.pool, &partition)
            .await?
            .ok_or("no run")?;
        let counters = run.counters;
        println!(
            "{what}: {:.1} s, {} pages in {} walks, {} new, {} changed, {} same, {} gone, {} ({}), {} calls so far, {} MB",
            began.elapsed().as_secs_f64(),
            run.pages,
            run.walks,
            counters.created,
            counters.updated,
            counters.unchanged,
            run.orphaned,
            run.status.as_str(),
            run.sweep.as_deref().unwrap_or("-"),
            self.vendor.stats().calls,
            memory("self", "VmRSS:"),
        );
        Ok(())
    }

    async fn pages(&self) -> Result<i32, Failure> {
        let partition = Partition::Connection(ZOHO.to_owned());
        let run = run::latest(&self.env.pool, &partition)
            .await?
            .ok_or("no run")?;
        Ok(match run.ended_at {
            None => run.pages,
            Some(_) => 0,
        })
    }

    async fn products(&self) -> Result<Vec<Product>, Failure> {
        let (mut products, mut filter) = (Vec::new(), product::Filter::default());
        loop {
            let page = product::list(&self.env.pool, &filter, 500).await?;
            filter.after = page.next.map(|next| *next.key());
            products.extend(page.data);
            if filter.after.is_none() {
                return Ok(products);
            }
        }
    }

    async fn wrongly_gone(&self) -> Result<usize, Failure> {
        let items = self.vendor.items();
        let live: std::collections::HashSet<String> =
            items.iter().map(|item| item.id.to_string()).collect();
        let products = self.products().await?;
        let gone = products.iter().filter(|one| one.gone_at.is_some());
        Ok(gone.filter(|one| live.contains(&one.zoho_item_id)).count())
    }

    /// Live products, and how many of them and of the items have no twin with the same fields.
    async fn compare(&self) -> Result<(usize, usize), Failure> {
        let expected: BTreeMap<String, Fields> = self
            .vendor
            .items()
            .iter()
            .map(|item| (item.id.to_string(), of_item(item)))
            .collect();
        let products = self.products().await?;
        let live: BTreeMap<String, Fields> = products
            .iter()
            .filter(|one| one.gone_at.is_none())
            .map(|one| (one.zoho_item_id.clone(), of_product(one)))
            .collect();
        let differs = |(id, fields): &(&String, &Fields)| live.get(*id) != Some(*fields);
        let lost = expected.iter().filter(differs).count();
        let left = live.keys().filter(|id| !expected.contains_key(*id)).count();
        Ok((live.len(), lost + left))
    }
}

/// Every field that a product has of its item.
type Fields = [Option<String>; 6];

fn of_item(item: &Item) -> Fields {
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    [
        Some(item.name.clone()),
        told(&item.sku),
        told(&item.description),
        Some(plain(&item.rate)),
        item.stock.as_deref().map(plain),
        Some((item.status == "active").to_string()),
    ]
}

fn of_product(product: &Product) -> Fields {
    [
        Some(product.name.clone()),
        product.sku.clone(),
        product.description.clone(),
        product.price.as_deref().map(plain),
        product.stock_quantity.as_deref().map(plain),
        Some(product.is_active.to_string()),
    ]
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
