//! One renewal over the whole fleet, whoever dies in the middle of it. The processes are this test binary
//! again.

use std::sync::Arc;

use engine::Client;
use jobs::connection::ops;
use sim::wire::{Fault, Kind};
use sim::zoho::Config;

use super::{House, OLD, ZOHO, connections, ring, until};
use crate::process::Process;

const DATABASE: &str = "JOBS_TEST_CONNECTION_DATABASE";
const REMOTE: &str = "JOBS_TEST_CONNECTION_REMOTE";
const WORKERS: &str = "JOBS_TEST_CONNECTION_WORKERS";

/// Not a test by itself: a process of the tests below. Each of its workers waits until all of the fleet may
/// begin, reads a page, and says so in the table `read`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent test says by environment what to do"
)]
async fn helper_process() {
    let Ok(database) = std::env::var(DATABASE) else {
        return;
    };
    let remote = std::env::var(REMOTE).unwrap();
    let workers: usize = std::env::var(WORKERS).unwrap().parse().unwrap();
    let engine = Client::connect(&database, 6).await.unwrap();
    let all = connections(&engine, &remote, Some(ring(&[OLD])));
    sqlx::query("insert into ready default values")
        .execute(engine.pool())
        .await
        .unwrap();
    // Shared while the parent holds it alone: all of the fleet begin together.
    let mut gate = engine.pool().begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock_shared(7)")
        .execute(&mut *gate)
        .await
        .unwrap();
    gate.rollback().await.unwrap();
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let (all, engine) = (all.clone(), engine.clone());
        reading.spawn(async move {
            let read = match all.zoho(ZOHO).await {
                Ok(client) => client
                    .items_page(None, None)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let fault = read.err();
            sqlx::query("insert into read (fault) values ($1)")
                .bind(fault)
                .execute(engine.pool())
                .await
                .unwrap();
        });
    }
    reading.join_all().await;
    std::future::pending::<()>().await;
}

fn start(house: &House, workers: usize) -> Process {
    let said = [
        (DATABASE, house.database.url()),
        (REMOTE, &house.zoho.api_domain()),
        (WORKERS, &workers.to_string()),
    ];
    Process::start("connection::refresh::helper_process", &said)
}

impl House {
    /// With the tables by which processes tell how far they are.
    async fn fleet() -> House {
        let house = House::with(Config::default()).await;
        house.authorised().await;
        house
            .sql(
                "create table ready (at timestamptz default now()); create table read (fault text)",
            )
            .await;
        house
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    /// The token is old enough to have been good once.
    async fn age(&self) {
        self.sql("update sync.credential set refreshed_at = now() - interval '10 minutes'")
            .await;
    }

    /// Lets whoever is about to make this change of the row stand still in mid-statement, as long as the
    /// returned transaction lives.
    async fn halt_at(&self, intent: &'static str) -> sqlx::Transaction<'static, sqlx::Postgres> {
        let mut tx = self.database.pool().begin().await.unwrap();
        sqlx::query("select pg_advisory_xact_lock(9)")
            .execute(&mut *tx)
            .await
            .unwrap();
        let sql = format!(
            "create function halt() returns trigger language plpgsql as \
                 $$ begin perform pg_advisory_xact_lock(9); return new; end $$; \
             create trigger halt before update on sync.credential for each row \
                 when (new.intent = '{intent}' and new.intent <> old.intent) execute function halt()"
        );
        let pool = self.database.pool();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(pool)
            .await
            .unwrap();
        tx
    }

    async fn is_halted(&self) -> bool {
        let halted = "select count(*) from pg_locks \
             where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database())";
        self.count(halted).await > 0
    }

    /// The process that stood still is dead: what it had begun is over, and its lease has run out.
    async fn bury(&self, mut tx: sqlx::Transaction<'static, sqlx::Postgres>) {
        sqlx::query("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = 9 and not granted \
             and database = (select oid from pg_database where datname = current_database())")
            .execute(&mut *tx)
            .await
            .unwrap();
        until("its statement is over", async || !self.is_halted().await).await;
        tx.rollback().await.unwrap();
        self.sql("drop trigger halt on sync.credential; drop function halt")
            .await;
        self.end_lease().await;
    }

    async fn end_lease(&self) {
        self.sql("update sync.credential set lease_until = now() - interval '1 second' where holder is not null").await;
    }

    /// A process of its own reads a page.
    async fn another_reads(&self) -> Process {
        let process = start(self, 1);
        until("a page is read", async || {
            self.count("select count(*) from read").await > 0
        })
        .await;
        process
    }

    async fn faults(&self) -> Vec<Option<String>> {
        sqlx::query_scalar("select fault from read")
            .fetch_all(self.database.pool())
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_fifty_workers_of_four_processes_with_one_expired_token_ask_for_one() {
    let house = House::fleet().await;
    let all = house.connections(&[OLD]);
    all.zoho(ZOHO)
        .await
        .unwrap()
        .items_page(None, None)
        .await
        .unwrap();
    house.zoho.expire_access_tokens();
    house.sql("update sync.credential set expires_at = now() - interval '1 minute', renew_at = now() - interval '6 minutes'").await;
    let before = house.mints();
    // Slow enough for all of them to meet.
    house
        .zoho
        .inject(Fault::new(Kind::Slow { delay_ms: 500 }).on_path("/token"));
    let mut gate = house.database.pool().begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(7)")
        .execute(&mut *gate)
        .await
        .unwrap();
    let _fleet: Vec<Process> = [13, 13, 12, 12]
        .map(|workers| start(&house, workers))
        .into();
    until("all are ready", async || {
        house.count("select count(*) from ready").await == 4
    })
    .await;

    gate.rollback().await.unwrap();
    until("all have read", async || {
        house.count("select count(*) from read").await == 50
    })
    .await;

    assert!(
        house.faults().await.iter().all(Option::is_none),
        "{:?}",
        house.faults().await
    );
    assert_eq!(house.mints() - before, 1);
    assert_eq!(house.row("version").await, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_fifty_workers_of_four_processes_whose_token_dies_early_ask_for_one() {
    let house = House::fleet().await;
    let all = house.connections(&[OLD]);
    all.zoho(ZOHO)
        .await
        .unwrap()
        .items_page(None, None)
        .await
        .unwrap();
    // A hundred calls at once would wait for the minute, so there is room for them; and not by a large
    // refill, of which each ask is lent a tenth second.
    let room = engine::BudgetChange {
        capacity: Some(1_000.0),
        refill_per_s: Some(10.0),
        unblock: false,
    };
    let actor = engine::Actor::new("nok", "test");
    house
        .database
        .client()
        .set_budget(ZOHO, &room, None, &actor)
        .await
        .unwrap();
    house
        .sql("update engine.budget set tokens = capacity")
        .await;
    // Nothing here knows: each of them has it refused.
    house.age().await;
    house.zoho.expire_access_tokens();
    let before = house.mints();
    house
        .zoho
        .inject(Fault::new(Kind::Slow { delay_ms: 500 }).on_path("/token"));
    let mut gate = house.database.pool().begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(7)")
        .execute(&mut *gate)
        .await
        .unwrap();
    let _fleet: Vec<Process> = [13, 13, 12, 12]
        .map(|workers| start(&house, workers))
        .into();
    until("all are ready", async || {
        house.count("select count(*) from ready").await == 4
    })
    .await;

    gate.rollback().await.unwrap();
    until("all have read", async || {
        house.count("select count(*) from read").await == 50
    })
    .await;

    assert!(
        house.faults().await.iter().all(Option::is_none),
        "{:?}",
        house.faults().await
    );
    assert_eq!(house.mints() - before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_before_it_asks_costs_no_token() {
    let house = House::fleet().await;
    let halt = house.halt_at("sent").await;
    let mut victim = start(&house, 3);
    until("it has the lease and is about to ask", async || {
        house.is_halted().await
    })
    .await;
    assert_eq!(house.row("intent").await, "planned");

    victim.kill();
    house.bury(halt).await;
    let _next = house.another_reads().await;

    assert_eq!(house.faults().await, [None]);
    assert_eq!(
        (house.mints(), house.row("lost").await),
        (1, "0".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_before_the_answer_is_followed_by_one_that_asks_again() {
    let house = House::fleet().await;
    house.zoho.inject(
        Fault::new(Kind::Slow { delay_ms: 20_000 })
            .on_path("/token")
            .times(1),
    );
    let mut victim = start(&house, 3);
    until("the remote has the call", async || {
        house.zoho.stats().calls > 0
    })
    .await;
    assert_eq!(house.row("intent").await, "sent");

    victim.kill();
    house.end_lease().await;
    let _next = house.another_reads().await;

    assert_eq!(house.faults().await, [None]);
    let asked = house.row("cardinality(sent_at)").await;
    assert_eq!(
        (asked, house.row("intent").await, house.row("lost").await),
        ("2".into(), "idle".into(), "0".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_between_answer_and_store_is_followed_by_one_that_asks_again() {
    let house = House::fleet().await;
    let halt = house.halt_at("idle").await;
    let mut victim = start(&house, 3);
    until("it has the answer and stores it", async || {
        house.is_halted().await
    })
    .await;
    assert_eq!(
        (house.mints(), house.row("intent").await),
        (1, "sent".to_owned())
    );

    victim.kill();
    house.bury(halt).await;
    assert_eq!(
        house.row("version").await,
        "0",
        "what was not stored is lost"
    );
    let _next = house.another_reads().await;

    assert_eq!(house.faults().await, [None]);
    assert_eq!(
        (house.mints(), house.row("version").await),
        (2, "1".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_answers_lost_in_a_row_park_the_connection_instead_of_asking_for_ever() {
    let house = House::fleet().await;
    for lost in 1..=3 {
        let halt = house.halt_at("idle").await;
        let mut victim = start(&house, 1);
        until("it has the answer and stores it", async || {
            house.is_halted().await
        })
        .await;
        victim.kill();
        house.bury(halt).await;
        assert_eq!(house.mints(), lost);
    }

    let _fleet: Vec<Process> = (0..3).map(|_| start(&house, 4)).collect();
    until("all were told", async || {
        house.count("select count(*) from read").await == 12
    })
    .await;

    assert!(house.faults().await.iter().all(Option::is_some));
    assert_eq!(house.mints(), 3);
    let all = house.connections(&[OLD]);
    let view = ops::show(&all, ZOHO).await.unwrap();
    assert_eq!(view.state.as_str(), "needs_reauthorisation");
    assert_eq!(view.code.as_deref(), Some("answers_lost"));
    let alerts = house.database.client().alerts().await.unwrap();
    assert_eq!(
        alerts.iter().filter(|alert| alert.subject == ZOHO).count(),
        1,
        "{alerts:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_fails_is_asked_seldom_and_never_takes_the_credential_for_dead() {
    let house = House::fleet().await;
    let all = Arc::new(house.connections(&[OLD]));
    house.zoho.inject(Fault::status(503).on_path("/token"));
    let client = all.zoho(ZOHO).await.unwrap();

    for _ in 0..20 {
        client.items_page(None, None).await.unwrap_err();
    }

    assert_eq!(house.zoho.stats().calls, 1);
    let view = ops::show(&all, ZOHO).await.unwrap();
    assert_eq!(
        (view.state.as_str(), view.code.as_deref()),
        ("active", Some("remote_failed"))
    );
    house.zoho.clear_faults();
    house
        .sql("update sync.credential set retry_at = now()")
        .await;
    client.items_page(None, None).await.unwrap();
    assert_eq!(house.row("failures").await, "0");
}

#[tokio::test]
async fn the_tenth_token_in_ten_minutes_is_never_asked_for() {
    let house = House::fleet().await;
    let all = house.connections(&[OLD]);
    let client = all.zoho(ZOHO).await.unwrap();
    let mut refused = 0;
    for _ in 0..12 {
        house.age().await;
        house.zoho.expire_access_tokens();
        if let Err(error) = client.items_page(None, None).await {
            assert!(
                matches!(error, connectors::Error::Throttled { .. }),
                "{error}"
            );
            refused += 1;
        }
    }

    assert_eq!((house.mints(), refused), (8, 4));
    let view = ops::show(&all, ZOHO).await.unwrap();
    assert_eq!(view.state.as_str(), "active");
}
