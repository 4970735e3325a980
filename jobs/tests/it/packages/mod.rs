//! Packages per profile, against the simulated CRM.

mod asked;
mod history;
mod preview;
mod quarantine;
mod resume;
mod review;
mod sync_all;
mod sync_chunk;
mod sync_profile;
mod verdicts;

use std::collections::BTreeMap;

use connectors::reach::Service;
use connectors::supabase::stable_hash;
use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Client, JobView, NewJob, State};
use jobs::connection::{Connections, Declared, Given};
use jobs::packages::{self, Profile, Summary, sync_profile_of};
use jobs::testing;
use secrecy::SecretString;
use serde_json::{Value, json};
use sim::supabase::{Change, Config, Simulator};
use uuid::Uuid;

use crate::support::{PATIENCE, options, registry};

pub(crate) const SHOP: &str = "supabase/shop";

/// A database and a CRM with one customer whom nobody asks for.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) crm: Simulator,
    pub(crate) env: jobs::Env,
}

/// A customer of the CRM.
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) hash: String,
}

/// A CRM at this address, whose budget never makes anybody wait.
pub(crate) fn connections(engine: &Client, url: &str, key: &str) -> Connections {
    let given = Given {
        origin: "variable SHOP".to_owned(),
        secret: Some(SecretString::from(key)),
    };
    let declared = Declared {
        refill: Some(10_000.0),
        given: BTreeMap::from([("key", given)]),
        ..testing::declared(SHOP, Service::Supabase, url.to_owned())
    };
    testing::connections(engine, vec![declared], None)
}

impl House {
    pub(crate) async fn new() -> House {
        let config = Config {
            customers: 0,
            ..Config::default()
        };
        let (database, crm) = tokio::join!(jobs::testing::database(), Simulator::start(config));
        let crm = crm.unwrap();
        let env = jobs::Env {
            pool: database.pool().clone(),
            connections: connections(database.client(), &crm.url(), &crm.config().secret_key),
        };
        let house = House { database, crm, env };
        house.customer("Zed Nobody", "0999999999", "");
        house
    }

    pub(crate) fn engine(&self) -> &Client {
        self.database.client()
    }

    pub(crate) fn worker(&self) -> WorkerGuard {
        run_worker(self.engine(), registry(&self.env, 3), options(5))
    }

    pub(crate) fn customer(&self, name: &str, phone: &str, email: &str) -> Customer {
        let (id, hash) = (Uuid::now_v7().to_string(), stable_hash(name, phone));
        let row = json!({
            "id": id, "stable_hash_id": hash, "customer_name": name, "contact_number": phone,
            "email": (!email.is_empty()).then_some(email),
            "update_time": "2026-11-01T10:00:00+00:00",
        });
        let table = "customers".to_owned();
        self.crm.change(Change::AddRow { table, row }).unwrap();
        Customer { id, hash }
    }

    /// A package of whoever has that hash; its id.
    pub(crate) fn package(&self, hash: &str, id: u64, hours: &str) -> String {
        let row = json!({
            "id": id, "crm_package_id": format!("PK-{id}"), "customer_name": "x",
            "package_name_from_def": "Bay 10H", "package_display_name_from_def": "Bay, ten hours",
            "package_type_from_def": "Monthly", "package_total_hours_from_def": hours,
            "package_pax_from_def": 2, "package_validity_period_from_def": "6 months",
            "first_use_date": Value::Null, "expiration_date": "2027-01-31",
            "calculated_remaining_hours": hours, "calculated_used_hours": "0", "stable_hash_id": hash,
            "created_at_for_purchase_date": "2026-10-01T20:15:00+00:00",
        });
        let table = "package_rows".to_owned();
        self.crm.change(Change::AddRow { table, row }).unwrap();
        id.to_string()
    }

    pub(crate) fn change(&self, table: &str, id: &str, set: Value) {
        let Value::Object(set) = set else {
            panic!("an object is set");
        };
        let (table, id) = (table.to_owned(), id.to_owned());
        self.crm
            .change(Change::ChangeRow { table, id, set })
            .unwrap();
    }

    pub(crate) async fn profile(&self, name: &str, phone: &str, email: &str) -> Uuid {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let profile = Profile {
            id: Uuid::now_v7(),
            connection: SHOP.to_owned(),
            name: some(name),
            email: some(email),
            phone: some(phone),
        };
        let mut conn = self.env.pool.acquire().await.unwrap();
        assert!(packages::put(&mut conn, &profile).await.unwrap());
        profile.id
    }

    /// Ada with her packages of 10 and 12.345 hours, synced once.
    pub(crate) async fn ada(&self) -> (Uuid, Customer) {
        let customer = self.customer("Ada Fairway", "081-234-5678", "ada@example.com");
        self.package(&customer.hash, 1, "10");
        self.package(&customer.hash, 2, "12.345");
        let profile = self.profile("ada fairway", "+66812345678", "").await;
        let _worker = self.worker();
        let summary = self.synced(profile).await;
        assert_eq!(
            (summary.status.as_str(), summary.changes.created),
            ("synced", 2)
        );
        (profile, customer)
    }

    pub(crate) async fn end_of(&self, job: NewJob) -> JobView {
        let enqueued = self.engine().enqueue(job).await.unwrap();
        let state = self.engine().wait(enqueued.id, PATIENCE).await.unwrap();
        assert!(state.is_terminal(), "job is {state} after {PATIENCE:?}");
        self.engine().job(enqueued.id).await.unwrap().unwrap()
    }

    /// A sync that no minute coalesces.
    pub(crate) fn sync_now(&self, profile: Uuid) -> NewJob {
        NewJob::of(&packages::SyncProfile {
            profile_id: profile,
        })
        .rate_key(SHOP)
    }

    pub(crate) async fn synced(&self, profile: Uuid) -> Summary {
        let job = self.end_of(self.sync_now(profile)).await;
        assert_eq!(
            job.state,
            State::Completed,
            "{:?} {:?}",
            job.code,
            job.error
        );
        serde_json::from_value(job.result.unwrap()).unwrap()
    }

    /// Ids and remaining hours of what is not gone.
    pub(crate) async fn hours(&self, profile: Uuid) -> Vec<(String, Option<String>)> {
        let all = packages::available(&self.env.pool, profile).await.unwrap();
        all.into_iter()
            .map(|one| (one.id, one.remaining_hours))
            .collect()
    }

    pub(crate) async fn customer_of(&self, profile: Uuid) -> Option<String> {
        let (_, link) = packages::show(&self.env.pool, profile).await.unwrap();
        link.map(|link| link.customer_id)
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.env.pool).await.unwrap();
    }
}

pub(crate) fn adas() -> Vec<(String, Option<String>)> {
    vec![
        ("1".into(), Some("10".into())),
        ("2".into(), Some("12.345".into())),
    ]
}

impl House {
    /// As the booking site asks at a login.
    pub(crate) async fn at_login(&self, profile: Uuid) -> NewJob {
        let (profile, _) = packages::show(&self.env.pool, profile).await.unwrap();
        sync_profile_of(&profile, "login")
    }
}
