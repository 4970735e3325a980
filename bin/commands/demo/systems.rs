//! The three other systems of the demo: the products of an organisation at Zoho, of which one cannot be read, the
//! packages of a shop's profiles, whose customers are in a Supabase project, and the [leads](Leads) of a Creatio.

use anyhow::Context as _;
use engine::{NewJob, State};
use jobs::packages::{self, Profile, SyncAll, Totals};
use jobs::zoho::{self, Summary};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sim::{supabase, zoho as vendor};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::PATIENCE;
use super::kept::Kept;
use super::leads::{self, Leads};
use crate::app::{App, Session};
use crate::commands::sync::{Watched, ended_badly, wait};
use crate::output::plural;

const ZOHO: &str = "zoho/10234695";
const SHOP: &str = "supabase/shop";
const ITEMS: u32 = 160;
const CUSTOMERS: u32 = 25;
/// Of the customers, those who have a profile at the booking site.
const PROFILES: usize = 15;

/// Their simulators.
pub(super) struct Systems {
    vendor: vendor::Simulator,
    shop: supabase::Simulator,
    leads: Leads,
}

/// Where syncs are asked for and waited for, until somebody stops the demo.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) app: &'a App,
    pub(super) session: &'a Session,
    pub(super) stop: &'a CancellationToken,
}

/// What their first syncs did.
pub(super) struct Told {
    pub(super) products: Summary,
    pub(super) packages: Totals,
    pub(super) leads: leads::Told,
}

impl Systems {
    pub(super) async fn start(kept: Kept) -> anyhow::Result<Systems> {
        let of_vendor = vendor::Config {
            items: ITEMS,
            ..vendor::Config::default()
        };
        let of_shop = supabase::Config {
            customers: CUSTOMERS,
            ..supabase::Config::default()
        };
        let (vendor, shop, leads) = tokio::join!(
            vendor::Simulator::start(of_vendor),
            supabase::Simulator::start(of_shop),
            Leads::start(kept)
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
        Ok(Systems {
            vendor,
            shop,
            leads: leads?,
        })
    }

    pub(super) fn urls(&self) -> String {
        format!(
            "simulated Zoho at {}, simulated Supabase at {}, simulated Creatio at {}",
            self.vendor.api_domain(),
            self.shop.url(),
            self.leads.url()
        )
    }

    /// The connections to them, as settings have them.
    pub(super) fn settings(&self) -> String {
        format!(
            "\n[connections.\"{ZOHO}\"]\ndata_centre = \"us\"\nbase_url = \"{}\"\npage_size = 50\n\
             \n[connections.\"{SHOP}\"]\nbase_url = \"{}\"\n{}",
            self.vendor.api_domain(),
            self.shop.url(),
            self.leads.settings()
        )
    }

    /// What opens them: connection, field and secret.
    pub(super) fn secrets(&self) -> Vec<(&'static str, &'static str, String)> {
        let config = self.vendor.config().clone();
        let mut secrets = vec![
            (ZOHO, "client_id", config.client_id),
            (ZOHO, "client_secret", config.client_secret),
            (ZOHO, "refresh_token", config.refresh_token),
            (SHOP, "key", self.shop.config().secret_key.clone()),
        ];
        secrets.extend(self.leads.secrets());
        secrets
    }

    /// Writes the profiles and leads of ours, unless an earlier demo has: their ids are always the same.
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
        leads::seed(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(super) fn leads(&self) -> &Leads {
        &self.leads
    }

    pub(super) async fn stop(self) {
        tokio::join!(self.vendor.stop(), self.shop.stop(), self.leads.stop());
    }

    /// Their first syncs.
    pub(super) async fn sync(&self, desk: Desk<'_>) -> anyhow::Result<Told> {
        let who = desk.app.env.user();
        let new = SyncAll {
            only_new: !self.leads.is_later(),
            ..SyncAll::default()
        };
        Ok(Told {
            products: desk.done((zoho::sync_of(ZOHO, false, who), ZOHO)).await?,
            packages: desk.done((packages::sync_all_of(&new, who), SHOP)).await?,
            leads: self.leads.sync(desk).await?,
        })
    }
}

impl Desk<'_> {
    /// What a sync over a connection told in the end.
    pub(super) async fn done<T: DeserializeOwned>(
        self,
        (job, over): (NewJob, &str),
    ) -> anyhow::Result<T> {
        let made = self.session.client.enqueue(job).await?;
        let watched = Watched {
            job: made.id,
            over: vec![over.to_owned()],
            patience: PATIENCE,
        };
        let job = wait(self.app, self.session, &watched, self.stop).await?;
        if job.state != State::Completed {
            return Err(ended_badly(&job).into());
        }
        let result = job.result.unwrap_or(Value::Null);
        serde_json::from_value(result).with_context(|| format!("{over} was not synced"))
    }
}

/// In three lines.
pub(super) fn lines(told: &Told) -> String {
    let (products, packages) = (&told.products, &told.packages);
    let count = |number: i64, one: &str| plural(usize::try_from(number).unwrap_or(0), one);
    format!(
        "Synced {} from Zoho with {}: {} new. What could not be read is kept: lockstep quarantine list\n\
         Synced {} of {} from Supabase; {} a person must match to a customer.\n\
         {}\n",
        count(products.total.into(), "product"),
        count(products.failed.into(), "error"),
        products.created,
        count(packages.total_packages, "package"),
        count(packages.successful_profiles, "profile"),
        count(packages.failed_profiles, "profile"),
        leads::line(&told.leads),
    )
}
