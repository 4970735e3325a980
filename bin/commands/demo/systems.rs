//! The two other systems of the demo: the products of an organisation at Zoho, of which one cannot be read, and
//! the packages of a shop's profiles, whose customers are in a Supabase project.

use std::collections::BTreeMap;

use anyhow::Context as _;
use connectors::reach::Service;
use connectors::zoho::DataCentre;
use jobs::connection::{Declared, Given};
use jobs::packages::{self, Profile, SyncAll, Totals};
use jobs::zoho::{self, Summary};
use secrecy::SecretString;
use serde_json::Value;
use sim::{supabase, zoho as vendor};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::PATIENCE;
use crate::app::{App, Session};
use crate::commands::sync::{Watched, wait};
use crate::output::plural;

pub(super) const ZOHO: &str = "zoho/10234695";
const SHOP: &str = "supabase/shop";
/// Seals the simulated vendor's access tokens, which open nothing else.
pub(super) const KEY: &str =
    "demo:6c6f636b737465702064656d6f206b65792c206f70656e73206e6f7468696e67";
const ITEMS: u32 = 160;
const CUSTOMERS: u32 = 25;
/// Of the customers, those who have a profile at the booking site.
const PROFILES: usize = 15;

/// Their simulators.
pub(super) struct Systems {
    vendor: vendor::Simulator,
    shop: supabase::Simulator,
}

/// What their first syncs did.
pub(super) struct Told {
    pub(super) products: Summary,
    pub(super) packages: Totals,
}

impl Systems {
    pub(super) async fn start() -> anyhow::Result<Systems> {
        let of_vendor = vendor::Config {
            items: ITEMS,
            ..vendor::Config::default()
        };
        let of_shop = supabase::Config {
            customers: CUSTOMERS,
            ..supabase::Config::default()
        };
        let (vendor, shop) = tokio::join!(
            vendor::Simulator::start(of_vendor),
            supabase::Simulator::start(of_shop)
        );
        let vendor = vendor.context("cannot start the simulated Zoho")?;
        // A price that is no number: the others are no worse for it.
        let change = vendor::Change::ChangeItem {
            id: vendor.items()[7].id,
            patch: vendor::ItemPatch {
                rate: Some("\"ask us\"".into()),
                ..vendor::ItemPatch::default()
            },
        };
        vendor.change(change).map_err(anyhow::Error::msg)?;
        let shop = shop.context("cannot start the simulated Supabase")?;
        Ok(Systems { vendor, shop })
    }

    pub(super) fn urls(&self) -> String {
        format!(
            "simulated Zoho at {}, simulated Supabase at {}",
            self.vendor.api_domain(),
            self.shop.url()
        )
    }

    /// The connections to them, with what opens them.
    pub(super) fn declared(&self) -> [Declared; 2] {
        let given = |secret: &str| Given {
            origin: "the simulator".into(),
            secret: Some(SecretString::from(secret)),
        };
        let config = self.vendor.config();
        let zoho = Declared {
            name: ZOHO.into(),
            service: Service::Zoho,
            base_url: self.vendor.api_domain(),
            centre: Some(DataCentre::Us),
            page_size: Some(50),
            refill: None,
            given: BTreeMap::from([
                ("client_id", given(&config.client_id)),
                ("client_secret", given(&config.client_secret)),
                ("refresh_token", given(&config.refresh_token)),
            ]),
        };
        let shop = Declared {
            name: SHOP.into(),
            service: Service::Supabase,
            base_url: self.shop.url(),
            centre: None,
            page_size: None,
            refill: None,
            given: BTreeMap::from([("key", given(&self.shop.config().secret_key))]),
        };
        [zoho, shop]
    }

    /// Writes the profiles, unless an earlier demo has: their ids are the customers' own.
    pub(super) async fn seed(&self, session: &Session) -> anyhow::Result<()> {
        let mut tx = session.env.pool.begin().await?;
        for row in self.shop.rows("customers").iter().take(PROFILES) {
            let text = |name: &str| row[name].as_str().filter(|one| !one.is_empty());
            let id = row["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
            let profile = Profile {
                id: id.context("a customer of the simulator has no id")?,
                connection: SHOP.into(),
                name: text("customer_name").map(str::to_owned),
                email: text("email").map(str::to_owned),
                phone: text("contact_number").map(str::to_owned),
            };
            packages::put(&mut tx, &profile).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn stop(self) {
        tokio::join!(self.vendor.stop(), self.shop.stop());
    }
}

/// Their first syncs.
pub(super) async fn sync(
    app: &App,
    session: &Session,
    stop: &CancellationToken,
) -> anyhow::Result<Told> {
    let who = app.env.user();
    let new = SyncAll {
        only_new: true,
        ..SyncAll::default()
    };
    let jobs = [
        zoho::sync_of(ZOHO, false, who),
        packages::sync_all_of(&new, who),
    ];
    let made = session.client.enqueue_all(&jobs).await?;
    let mut results = Vec::new();
    for (one, over) in made.iter().zip([ZOHO, SHOP]) {
        let watched = Watched {
            job: one.id,
            over: vec![over.to_owned()],
            patience: PATIENCE,
        };
        let job = wait(app, session, &watched, stop).await?;
        results.push(job.result.unwrap_or(Value::Null));
    }
    let packages = results.pop().unwrap_or_default();
    let products = results.pop().unwrap_or_default();
    Ok(Told {
        products: serde_json::from_value(products).context("the products were not synced")?,
        packages: serde_json::from_value(packages).context("the packages were not synced")?,
    })
}

/// In two lines.
pub(super) fn lines(told: &Told) -> String {
    let (products, packages) = (&told.products, &told.packages);
    let count = |number: i64, one: &str| plural(usize::try_from(number).unwrap_or(0), one);
    format!(
        "Synced {} from Zoho with {}: {} new. What could not be read is kept: lockstep quarantine list\n\
         Synced {} of {} from Supabase; {} a person must match to a customer.\n",
        count(products.total.into(), "product"),
        count(products.failed.into(), "error"),
        products.created,
        count(packages.total_packages, "package"),
        count(packages.successful_profiles, "profile"),
        count(packages.failed_profiles, "profile"),
    )
}
