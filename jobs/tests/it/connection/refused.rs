//! Tokens and keys that cannot be renewed: refused, they park their connection; and what a person pauses stands.

use std::collections::BTreeMap;

use connectors::reach::{Reach, Service};
use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Actor, Client, Cx, Enqueued, Job, NewJob, Outcome, Registry, State};
use jobs::connection::{Connections, Declared, Given, credential, ops};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sim::{soundtrack, supabase};

use super::{OLD, ring, until};
use crate::support::{PATIENCE, options};

const STORE: &str = "soundtrack/default";
const SHOP: &str = "supabase/shop";

/// Asks for something small, as any sync does.
#[derive(Debug, Serialize, Deserialize)]
struct Look {
    connection: String,
}

impl Job for Look {
    const KIND: &'static str = "test.look";
    type Env = Connections;
    type Error = jobs::Error;

    async fn run(self, cx: Cx<Connections>) -> Result<Outcome, jobs::Error> {
        let (all, name) = (cx.env(), self.connection.as_str());
        let asked = match name {
            STORE => all.soundtrack(name).await?.accounts_page(None).await.err(),
            _ => all
                .supabase(name)
                .await?
                .customers_page(None, None)
                .await
                .err(),
        };
        match asked {
            None => Ok(Outcome::done()),
            Some(error) => Err(all.judge(name, error).await),
        }
    }
}

struct House {
    database: Database,
    store: soundtrack::Simulator,
    shop: supabase::Simulator,
}

impl House {
    async fn new() -> House {
        let (database, store, shop) = tokio::join!(
            jobs::testing::database(),
            soundtrack::Simulator::start(soundtrack::Config::default()),
            supabase::Simulator::start(supabase::Config::default())
        );
        House {
            database,
            store: store.unwrap(),
            shop: shop.unwrap(),
        }
    }

    fn engine(&self) -> &Client {
        self.database.client()
    }

    /// With this token for the store outside the database, if there is one.
    fn connections(&self, outside: Option<&str>) -> Connections {
        let one = |name: &str, service, base_url| Declared {
            name: name.to_owned(),
            service,
            base_url,
            identity_url: None,
            centre: None,
            page_size: None,
            refill: Some(10_000.0),
            given: BTreeMap::new(),
        };
        let mut store = one(STORE, Service::Soundtrack, self.store.url());
        if let Some(token) = outside {
            let given = Given {
                origin: "variable STORE".to_owned(),
                secret: Some(SecretString::from(token)),
            };
            store.given.insert("token", given);
        }
        let shop = one(SHOP, Service::Supabase, self.shop.url());
        let reach = Reach {
            loopback: true,
            ..Reach::default()
        };
        let keys = Some(ring(&[OLD]));
        Connections::new(self.engine().clone(), vec![store, shop], reach, keys)
    }

    async fn set(&self, all: &Connections, at: (&str, &str), value: &str) {
        let mut tx = self.database.pool().begin().await.unwrap();
        let secret = SecretString::from(value);
        credential::set(all, &mut tx, at, &secret, "nok")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn reauthorise(&self, all: &Connections, name: &str, value: &str) {
        let mut tx = self.database.pool().begin().await.unwrap();
        let secret = SecretString::from(value);
        ops::reauthorise(all, &mut tx, name, Some(&secret), &nok())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn enqueue(&self, name: &str) -> Vec<Enqueued> {
        let look = Look {
            connection: name.to_owned(),
        };
        let jobs: Vec<NewJob> = (0..10)
            .map(|_| NewJob::of(&look).rate_key(name).max_attempts(1))
            .collect();
        self.engine().enqueue_all(&jobs).await.unwrap()
    }

    fn worker(&self, all: &Connections) -> WorkerGuard {
        let registry = Registry::new().with::<Look>(all.clone());
        run_worker(self.engine(), registry, options(5))
    }

    async fn all_are_put_off(&self) {
        until("all jobs are put off", async || {
            let put_off: i64 = sqlx::query_scalar("select count(*) from engine.put_off")
                .fetch_one(self.database.pool())
                .await
                .unwrap();
            put_off == 10
        })
        .await;
    }

    async fn alerts(&self, name: &str) -> Vec<String> {
        let alerts = self.engine().alerts().await.unwrap();
        let ours = alerts.into_iter().filter(|one| one.subject == name);
        ours.map(|one| one.message).collect()
    }

    async fn acts(&self, name: &str) -> Vec<String> {
        let trail = self.engine().audit(Some(name), 50).await.unwrap();
        trail.into_iter().map(|row| row.action).collect()
    }

    async fn all_complete(&self, enqueued: &[Enqueued]) {
        for one in enqueued {
            let state = self.engine().wait(one.id, PATIENCE).await.unwrap();
            assert_eq!(state, State::Completed);
        }
    }
}

fn nok() -> Actor {
    Actor::new("nok", "test")
}

async fn state(all: &Connections, name: &str) -> (&'static str, &'static str) {
    let view = ops::show(all, name).await.unwrap();
    (view.state.as_str(), view.credential.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_token_that_is_refused_parks_its_connection_with_one_alert_and_no_attempt_spent() {
    for (name, field, good) in [(STORE, "token", "Z29vZA=="), (SHOP, "key", "")] {
        let house = House::new().await;
        let all = house.connections(None);
        let secret = &house.shop.config().secret_key;
        let good = if name == SHOP { secret } else { good };
        house.set(&all, (name, field), "d3Jvbmc=").await;
        let enqueued = house.enqueue(name).await;
        let worker = house.worker(&all);

        house.all_are_put_off().await;

        assert_eq!(
            state(&all, name).await,
            ("needs_reauthorisation", "revoked")
        );
        let alerts = house.alerts(name).await;
        let what_to_do = format!("lockstep connection reauthorise {name}");
        assert!(
            alerts.len() == 1 && alerts[0].contains(&what_to_do),
            "{alerts:?}"
        );
        let acts = house.acts(name).await;
        let parks = acts.iter().filter(|act| *act == "connection.park").count();
        assert_eq!(parks, 1, "{acts:?}");
        for one in &enqueued {
            let job = house.engine().job(one.id).await.unwrap().unwrap();
            assert_eq!((job.state, job.failed), (State::Available, 0));
        }

        house.store.grant(good, None);
        house.reauthorise(&all, name, good).await;
        house.all_complete(&enqueued).await;
        assert_eq!(state(&all, name).await, ("active", "valid"));
        assert!(house.alerts(name).await.is_empty());
        worker.stop().await;
    }
}

#[tokio::test]
async fn an_old_token_that_is_refused_late_does_not_park_the_new_one() {
    let house = House::new().await;
    let all = house.connections(None);
    house.set(&all, (STORE, "token"), "b2xk").await;
    let late = all.soundtrack(STORE).await.unwrap();
    house.set(&all, (STORE, "token"), house.store.token()).await;

    late.accounts_page(None).await.unwrap_err();

    assert_eq!(state(&all, STORE).await, ("active", "valid"));
    assert!(house.alerts(STORE).await.is_empty());
    let newer = all.soundtrack(STORE).await.unwrap();
    newer.accounts_page(None).await.unwrap();
}

#[tokio::test]
async fn an_account_that_a_token_may_not_see_parks_nothing() {
    let house = House::new().await;
    let all = house.connections(Some(house.store.token()));
    house
        .store
        .inject(soundtrack::Fault::new(soundtrack::FaultKind::Forbidden));
    let account = house.store.truth().accounts[0].id.clone();
    let client = all.soundtrack(STORE).await.unwrap();

    let error = client.zones_page(&account, None).await.unwrap_err();
    let error = all.judge(STORE, error).await;

    assert!(
        matches!(
            error,
            jobs::Error::Remote(connectors::Error::Forbidden { .. })
        ),
        "{error}"
    );
    assert_eq!(state(&all, STORE).await, ("active", "valid"));
}

#[tokio::test]
async fn a_token_outside_the_database_parks_too_and_has_another_chance_when_a_person_says_so() {
    let house = House::new().await;
    let all = house.connections(Some("b2xk"));
    let refused = all.soundtrack(STORE).await.unwrap();
    refused.accounts_page(None).await.unwrap_err();
    assert_eq!(
        state(&all, STORE).await,
        ("needs_reauthorisation", "revoked")
    );

    let restarted = house.connections(Some(house.store.token()));
    let parked = restarted.soundtrack(STORE).await.unwrap_err();
    let mut tx = house.database.pool().begin().await.unwrap();
    ops::reauthorise(&restarted, &mut tx, STORE, None, &nok())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert!(matches!(parked, jobs::Error::Parked { .. }), "{parked}");
    let client = restarted.soundtrack(STORE).await.unwrap();
    client.accounts_page(None).await.unwrap();
    assert_eq!(state(&restarted, STORE).await, ("active", "valid"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_pause_is_obeyed_by_every_claim_and_told_with_its_end_once_each() {
    let house = House::new().await;
    let all = house.connections(Some(house.store.token()));
    all.declare().await.unwrap();
    let by = nok().because(Some("stock-taking"));
    assert!(ops::pause(&all, STORE, &by).await.unwrap());
    assert!(!ops::pause(&all, STORE, &by).await.unwrap());
    let enqueued = house.enqueue(STORE).await;
    let worker = house.worker(&all);

    house.all_are_put_off().await;

    assert_eq!(state(&all, STORE).await, ("paused", "valid"));
    assert_eq!(house.store.stats().calls, 0);
    for one in &enqueued {
        let job = house.engine().job(one.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.failed), (State::Available, 0));
    }
    assert!(ops::resume(&all, STORE, &nok()).await.unwrap());
    assert!(!ops::resume(&all, STORE, &nok()).await.unwrap());
    house.all_complete(&enqueued).await;
    let mut acts = house.acts(STORE).await;
    acts.sort_unstable();
    assert_eq!(acts, ["connection.pause", "connection.resume"]);
    worker.stop().await;
}
