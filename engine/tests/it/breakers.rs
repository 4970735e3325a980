//! Breakers: jobs of a connection that is down are put off, and one probe finds out when it is back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Actor, BreakerRules, BreakerState, BudgetRule, Client, Cx, Draw, Failure, Health, Job, NewJob,
    Outcome, PauseScope, Registry, Reserved, Start, State, WorkerOptions,
};

use crate::support::number;

pub(crate) const CONNECTION: &str = "remote/one";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A remote that is up or down, and counts who calls it.
#[derive(Clone, Default)]
pub(crate) struct Remote {
    pub(crate) up: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Call {}

impl Job for Call {
    const KIND: &'static str = "breaker.call";
    type Env = Remote;
    type Error = Failure;

    async fn run(self, cx: Cx<Remote>) -> Result<Outcome, Failure> {
        let remote = cx.env().clone();
        remote.calls.fetch_add(1, Ordering::SeqCst);
        let now = remote.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        remote.most_at_once.fetch_max(now, Ordering::SeqCst);
        let up = remote.up.load(Ordering::SeqCst);
        // Long enough that two probes would be seen together.
        tokio::time::sleep(Duration::from_millis(20)).await;
        remote.at_once.fetch_sub(1, Ordering::SeqCst);
        let health = if up { Health::Good } else { Health::Bad };
        cx.client()
            .report_health(CONNECTION, cx.job_id(), health)
            .await?;
        if up {
            return Ok(Outcome::done());
        }
        Err(Failure::new("down", "the remote is down")
            .again(engine::Again::After(Duration::from_millis(10))))
    }
}

/// Everything nearly a hundred times as quick; a process may act on what it saw half a second ago.
fn quick() -> BreakerRules {
    BreakerRules {
        first_open: Duration::from_millis(700),
        longest_open: Duration::from_millis(1_000),
        probe_lease: Duration::from_secs(2),
        ..BreakerRules::default()
    }
}

pub(crate) fn options() -> WorkerOptions {
    WorkerOptions {
        poll: Duration::from_millis(100),
        ..WorkerOptions::default()
    }
}

pub(crate) async fn process(db: &Database) -> Client {
    let client = Client::connect(db.url(), 6).await.unwrap();
    client.with_breaker_rules(quick())
}

pub(crate) async fn enqueue(client: &Client, jobs: usize) -> Vec<uuid::Uuid> {
    let batch: Vec<NewJob> = (0..jobs)
        .map(|_| NewJob::of(&Call {}).rate_key(CONNECTION).max_attempts(50))
        .collect();
    let enqueued = client.enqueue_all(&batch).await.unwrap();
    enqueued.iter().map(|one| one.id).collect()
}

async fn until(client: &Client, state: BreakerState) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if client
            .breaker(CONNECTION)
            .await
            .is_ok_and(|it| it.state == state)
        {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "never {state:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_remote_that_is_down_costs_jobs_few_attempts_and_comes_back_by_one_probe_at_a_time() {
    let db = Database::new().await;
    let (one, two) = (process(&db).await, process(&db).await);
    let remote = Remote::default();
    let registry = || Registry::new().with::<Call>(remote.clone());
    let ids = enqueue(&one, 10).await;
    let workers = [
        run_worker(&one, registry(), options()),
        run_worker(&two, registry(), options()),
    ];

    until(&one, BreakerState::Open).await;
    until(&one, BreakerState::HalfOpen).await;
    remote.most_at_once.store(0, Ordering::SeqCst);
    let before = remote.calls.load(Ordering::SeqCst);
    // Three probes that fail, each by one job alone.
    while remote.calls.load(Ordering::SeqCst) < before + 3 {
        tokio::task::yield_now().await;
    }
    let together = remote.most_at_once.load(Ordering::SeqCst);
    remote.up.store(true, Ordering::SeqCst);
    for id in &ids {
        let state = one.wait(*id, PATIENCE).await.unwrap();
        assert_eq!(state, State::Completed);
    }

    assert_eq!(together, 1, "two probes at once");
    let put_off = number(
        &db,
        "select count(*) from engine.attempt where outcome = 'put_off'",
    )
    .await;
    let failed = number(
        &db,
        "select count(*) from engine.attempt where outcome = 'retry'",
    )
    .await;
    let counted = number(&db, "select sum(failed)::bigint from engine.ended").await;
    assert!(put_off > 0, "no job was put off");
    assert_eq!(failed, counted, "an attempt that was put off counted");
    assert_eq!(one.verify().await.unwrap(), []);
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_dead_probers_lease_runs_out() {
    let db = Database::new().await;
    let client = process(&db).await;
    for _ in 0..5 {
        let job = uuid::Uuid::now_v7();
        client
            .report_health(CONNECTION, job, Health::Bad)
            .await
            .unwrap();
    }
    until(&client, BreakerState::Open).await;
    sqlx::query(
        "update engine.breaker set state = 'half_open', open_until = null, probe_job = $1, \
         probe_until = now() + interval '5 seconds', version = version + 1",
    )
    .bind(uuid::Uuid::now_v7())
    .execute(client.pool())
    .await
    .unwrap();
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    let ids = enqueue(&client, 1).await;
    let _worker = run_worker(&client, Registry::new().with::<Call>(remote), options());

    let state = client.wait(ids[0], PATIENCE).await.unwrap();

    assert_eq!(state, State::Completed);
    until(&client, BreakerState::Closed).await;
    let attempts = client.attempts(ids[0]).await.unwrap();
    assert_eq!(
        attempts[0].outcome, "put_off",
        "it did not wait for the dead one"
    );
}

#[tokio::test]
async fn a_person_opens_and_closes_a_breaker_for_all_processes_and_it_is_on_record() {
    let db = Database::new().await;
    let (one, two) = (process(&db).await, process(&db).await);
    let actor = Actor::new("nok", "test");
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    one.open_breaker(
        CONNECTION,
        Some(Duration::from_secs(3_600)),
        Some("moving house"),
        &actor,
    )
    .await
    .unwrap();

    let ids = enqueue(&two, 3).await;
    let other = two.enqueue(NewJob::of(&Call {})).await.unwrap();
    let _worker = run_worker(
        &two,
        Registry::new().with::<Call>(remote.clone()),
        options(),
    );
    two.wait(other.id, PATIENCE).await.unwrap();
    let opened = one.breaker(CONNECTION).await.unwrap();
    one.close_breaker(CONNECTION, Some("done"), &actor)
        .await
        .unwrap();
    for id in &ids {
        assert_eq!(two.wait(*id, PATIENCE).await.unwrap(), State::Completed);
    }

    assert_eq!(opened.forced_by.as_deref(), Some("nok"));
    assert_eq!(opened.reason.as_deref(), Some("moving house"));
    let put_off = number(
        &db,
        "select count(*) from engine.attempt where outcome = 'put_off'",
    )
    .await;
    assert!(put_off >= 3, "{put_off} were put off");
    let record = one.audit(Some(CONNECTION), 2).await.unwrap();
    let actions: Vec<_> = record.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["breaker.close", "breaker.open"]);
    let closed = one.breaker(CONNECTION).await.unwrap();
    assert_eq!(
        (closed.state, closed.reason.as_deref()),
        (BreakerState::Closed, Some("done"))
    );
}

#[tokio::test]
async fn jobs_of_a_blocked_budget_are_put_off_without_an_attempt() {
    let db = Database::new().await;
    let client = process(&db).await;
    let rule = BudgetRule {
        key: CONNECTION.into(),
        capacity: 100.0,
        refill_per_s: 100.0,
        refill_ceiling_per_s: 100.0,
        start: Start::Full,
    };
    client.declare_budget(&rule).await.unwrap();
    let draw = Draw {
        key: CONNECTION.into(),
        cost: 1.0,
    };
    let Reserved::Go(permit) = client.reserve(&[draw], PATIENCE).await.unwrap() else {
        panic!("a full budget gives");
    };
    permit.refuse(None, Some(Duration::from_secs(5)));
    while client
        .budget(CONNECTION)
        .await
        .unwrap()
        .blocked_until
        .is_none()
    {
        tokio::task::yield_now().await;
    }
    let remote = Remote::default();
    remote.up.store(true, Ordering::SeqCst);
    let ids = enqueue(&client, 1).await;
    let _worker = run_worker(&client, Registry::new().with::<Call>(remote), options());

    client.wait(ids[0], PATIENCE).await.unwrap();

    let attempts = client.attempts(ids[0]).await.unwrap();
    assert_eq!(attempts[0].outcome, "put_off");
    assert_eq!(attempts[0].code.as_deref(), Some("budget_blocked"));
    assert_eq!(client.job(ids[0]).await.unwrap().unwrap().failed, 0);
}

#[tokio::test]
async fn a_connection_that_fails_for_a_week_is_suspended_on_record_until_a_person_resumes_it() {
    let db = Database::new().await;
    let client = process(&db).await;
    let remote = Remote::default();
    let ids = enqueue(&client, 5).await;
    let worker = run_worker(
        &client,
        Registry::new().with::<Call>(remote.clone()),
        options(),
    );
    until(&client, BreakerState::Open).await;
    let alerts = || async { client.alerts().await.unwrap() };
    let aged = |span: &str| {
        let sql = format!(
            "update engine.breaker set version = version + 1, failing_since = now() - interval '{span}'"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
    };
    let says = |what: &'static str| async move {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while alerts().await.iter().all(|it| it.alert != what) {
            assert!(tokio::time::Instant::now() < deadline, "no {what}");
            tokio::task::yield_now().await;
        }
    };

    aged("25 hours").execute(db.pool()).await.unwrap();
    says("connection_failing").await;
    aged("8 days").execute(db.pool()).await.unwrap();
    says("connection_suspended").await;
    let suspended = client.breaker(CONNECTION).await.unwrap();
    let record = client.audit(Some(CONNECTION), 1).await.unwrap();
    remote.up.store(true, Ordering::SeqCst);
    let actor = Actor::new("nok", "test");
    let resumed = client
        .resume(PauseScope::Connection, CONNECTION, &actor)
        .await
        .unwrap();
    for id in &ids {
        assert_eq!(client.wait(*id, PATIENCE).await.unwrap(), State::Completed);
    }

    assert_eq!(suspended.suspended_by.as_deref(), Some("lockstep"));
    assert_eq!(
        suspended.suspended_for.as_deref(),
        Some("its calls have been failing for 192 hours")
    );
    assert_eq!(
        (record[0].actor.as_str(), record[0].action.as_str()),
        ("lockstep", "connection.pause")
    );
    assert!(resumed);
    let after = client.breaker(CONNECTION).await.unwrap();
    assert_eq!(
        (after.state, after.suspended_at, after.failing_since),
        (BreakerState::Closed, None, None)
    );
    assert!(alerts().await.iter().all(|it| it.subject != CONNECTION));
    worker.stop().await;
}

#[tokio::test]
async fn rules_that_are_read_again_hold_from_the_next_call_on() {
    let db = Database::new().await;
    let client = Client::connect(db.url(), 6).await.unwrap();
    let bad = || client.report_health(CONNECTION, uuid::Uuid::now_v7(), Health::Bad);
    bad().await.unwrap();
    let before = client.breaker(CONNECTION).await.unwrap();

    client.clone().set_breaker_rules(BreakerRules {
        least_bad: 2,
        ..BreakerRules::default()
    });
    bad().await.unwrap();

    assert_eq!(before.state, BreakerState::Closed);
    let after = client.breaker(CONNECTION).await.unwrap();
    assert_eq!(after.state, BreakerState::Open);
}
