//! A Creatio site as a connection: one access token for the whole fleet, kept sealed, and parked when the site
//! takes neither it nor another.

use connectors::creatio::Ask;
use engine::testing::Database;
use engine::{Actor, Client};
use jobs::connection::{Connections, State, credential, ops};
use secrecy::SecretString;
use sim::creatio::{Config, Simulator};
use sim::wire::{Fault, Kind};
use tokio::task::JoinSet;

use crate::creatio::support;

const SITE: &str = "creatio/sim";

/// A database and a simulated site, whose secrets are sealed.
struct House {
    database: Database,
    site: Simulator,
}

impl House {
    async fn new() -> House {
        let (database, site) = tokio::join!(
            jobs::testing::database(),
            Simulator::start(Config::default())
        );
        let house = House {
            database,
            site: site.unwrap(),
        };
        let all = house.process(house.database.client());
        all.declare().await.unwrap();
        let config = house.site.config();
        house.set(&all, "client_id", &config.client_id).await;
        house
            .set(&all, "client_secret", &config.client_secret)
            .await;
        house
    }

    /// The connections of one process, which knows nothing of the others' but what the database has.
    fn process(&self, engine: &Client) -> Connections {
        let urls = (self.site.url(), self.site.identity_url());
        support::connections(engine, vec![support::declared(SITE, urls, 10_000.0)])
    }

    async fn set(&self, all: &Connections, field: &str, value: &str) {
        let mut tx = self.database.pool().begin().await.unwrap();
        let secret = SecretString::from(value);
        let set = credential::set(all, &mut tx, (SITE, field), &secret, "nok").await;
        set.unwrap();
        tx.commit().await.unwrap();
    }

    /// Four processes with fifty workers between them read a page each, all at once.
    async fn fleet_reads(&self) {
        let mut reading = JoinSet::new();
        for workers in [13, 13, 12, 12] {
            let engine = Client::connect(self.database.url(), 4).await.unwrap();
            let all = self.process(&engine);
            for _ in 0..workers {
                let all = all.clone();
                reading.spawn(async move { read(&all).await });
            }
        }
        for read in reading.join_all().await {
            read.unwrap();
        }
    }

    fn mints(&self) -> usize {
        let log = self.site.log();
        log.iter()
            .filter(|call| call.path.ends_with("/connect/token"))
            .count()
    }

    async fn sql(&self, sql: &'static str) {
        let pool = self.database.pool();
        sqlx::raw_sql(sql).execute(pool).await.unwrap();
    }

    async fn state(&self, all: &Connections) -> State {
        ops::show(all, SITE).await.unwrap().state
    }
}

async fn read(all: &Connections) -> Result<usize, jobs::Error> {
    let client = all.creatio(SITE).await?;
    let page = client
        .page(&Ask::new("Contact", ["Name"]), None, None)
        .await;
    match page {
        Ok(page) => Ok(page.items.len()),
        Err(error) => Err(all.judge(SITE, error).await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_fifty_workers_of_four_processes_ask_for_one_token_and_for_one_more_when_it_runs_out() {
    let house = House::new().await;
    // Slow enough for all of them to meet.
    let slow = Fault::new(Kind::Slow { delay_ms: 300 });
    house.site.inject(slow.on_path("/connect/token"));

    house.fleet_reads().await;

    assert_eq!(house.mints(), 1);
    house.site.expire_access_tokens();
    house
        .sql("update sync.credential set refreshed_at = now() - interval '10 minutes'")
        .await;
    house.fleet_reads().await;
    assert_eq!(house.mints(), 2);
}

#[tokio::test]
async fn the_token_is_kept_sealed_and_a_new_process_asks_for_none() {
    let house = House::new().await;
    read(&house.process(house.database.client())).await.unwrap();

    let next = house.process(house.database.client());
    read(&next).await.unwrap();

    assert_eq!(house.mints(), 1);
    let rows: Vec<String> = sqlx::query_scalar(
        "select field || encode(value, 'escape') || encode(wrapped_key, 'escape') from sync.secret",
    )
    .fetch_all(house.database.pool())
    .await
    .unwrap();
    assert_eq!(rows.len(), 3, "client id, its secret and the access token");
    for row in rows {
        assert!(!row.contains("sim-access") && !row.contains("sim-creatio-secret"));
    }
}

#[tokio::test]
async fn a_second_401_parks_the_connection_until_another_secret_is_given() {
    let house = House::new().await;
    let all = house.process(house.database.client());
    read(&all).await.unwrap();
    house
        .sql("update sync.credential set refreshed_at = now() - interval '10 minutes'")
        .await;
    house.site.inject(Fault::status(401).on_path("/Contact"));

    let refused = read(&all).await.unwrap_err();

    assert!(matches!(refused, jobs::Error::Parked { .. }), "{refused}");
    assert_eq!(house.mints(), 2);
    assert_eq!(house.state(&all).await, State::NeedsReauthorisation);
    let calls = house.site.stats().calls;
    let parked = read(&all).await.unwrap_err();
    assert!(matches!(parked, jobs::Error::Parked { .. }), "{parked}");
    assert_eq!(house.site.stats().calls, calls, "a parked one calls nobody");

    house.site.clear_faults();
    let mut tx = house.database.pool().begin().await.unwrap();
    let secret = SecretString::from(house.site.config().client_secret.as_str());
    let nok = Actor::new("nok", "test");
    ops::reauthorise(&all, &mut tx, SITE, Some(&secret), &nok)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert!(read(&all).await.unwrap() > 0);
}

#[tokio::test]
async fn a_client_that_was_taken_away_parks_after_one_call() {
    let house = House::new().await;
    let all = house.process(house.database.client());
    house.site.revoke();

    let refused = read(&all).await.unwrap_err();

    assert!(matches!(refused, jobs::Error::Parked { .. }), "{refused}");
    assert_eq!(house.mints(), 1);
}

#[tokio::test]
async fn a_site_of_ones_own_must_say_where_its_tokens_come_from() {
    let house = House::new().await;
    let mut declared = house.process(house.database.client()).declared()[0].clone();
    declared.identity_url = None;
    let all = support::connections(house.database.client(), vec![declared]);

    let error = read(&all).await.unwrap_err();

    assert!(error.to_string().contains("identity_url"), "{error}");
    assert_eq!(house.site.stats().calls, 0);
}
