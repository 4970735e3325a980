//! A connection that a person must look at: its jobs wait, and lose nothing.

use engine::testing::run_worker;
use engine::{Actor, Cx, Job, NewJob, Outcome, Registry, State};
use jobs::connection::{Connections, ops};
use serde::{Deserialize, Serialize};

use super::{House, OLD, ZOHO, until};
use crate::support::{PATIENCE, options};

/// Reads one page, as any pull does.
#[derive(Debug, Serialize, Deserialize)]
struct ReadPage {}

impl Job for ReadPage {
    const KIND: &'static str = "test.read_page";
    type Env = Connections;
    type Error = jobs::Error;

    async fn run(self, cx: Cx<Connections>) -> Result<Outcome, jobs::Error> {
        let client = cx.env().zoho(ZOHO).await?;
        match client.items_page(None, None).await {
            Ok(_) => Ok(Outcome::done()),
            Err(error) => Err(cx.env().judge(ZOHO, error).await),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_401_parks_the_connection_raises_one_alert_and_costs_no_job_an_attempt() {
    let house = House::new().await;
    let all = house.authorised().await;
    let engine = house.database.client();
    all.zoho(ZOHO)
        .await
        .unwrap()
        .items_page(None, None)
        .await
        .unwrap();
    house
        .sql("update sync.credential set refreshed_at = now() - interval '10 minutes'")
        .await;
    let not_authorised = serde_json::json!({"code": 57, "message": "You are not authorized to perform this operation"});
    house
        .zoho
        .inject(sim::wire::Fault::json(401, not_authorised).on_path("/items"));
    let jobs: Vec<NewJob> = (0..20)
        .map(|_| NewJob::of(&ReadPage {}).rate_key(ZOHO).max_attempts(1))
        .collect();
    let enqueued = engine.enqueue_all(&jobs).await.unwrap();
    let worker = run_worker(
        engine,
        Registry::new().with::<ReadPage>(all.clone()),
        options(10),
    );

    until("all jobs are put off", async || {
        let put_off: i64 = sqlx::query_scalar("select count(*) from engine.put_off")
            .fetch_one(house.database.pool())
            .await
            .unwrap();
        put_off == 20
    })
    .await;

    let view = ops::show(&all, ZOHO).await.unwrap();
    assert_eq!(view.state.as_str(), "needs_reauthorisation");
    assert_eq!(view.credential.as_str(), "revoked");
    assert_eq!(view.code.as_deref(), Some("refused_after_renewal"));
    assert_eq!(house.mints(), 2, "one at first, one after the first 401");
    let alerts = engine.alerts().await.unwrap();
    let ours: Vec<_> = alerts
        .iter()
        .filter(|alert| alert.subject == ZOHO)
        .collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(
        ours[0]
            .message
            .contains("lockstep connection reauthorise zoho/10234695")
    );
    let trail = engine.audit(Some(ZOHO), 20).await.unwrap();
    let parks = trail
        .iter()
        .filter(|row| row.action == "connection.park")
        .count();
    assert_eq!(parks, 1, "{trail:?}");
    for one in &enqueued {
        let job = engine.job(one.id).await.unwrap().unwrap();
        // The number of the attempt is the fence, and counts claims.
        assert_eq!(
            (job.state, job.failed),
            (State::Available, 0),
            "{:?}",
            job.code
        );
    }

    // A person resumes it without having looked: it parks itself again, and asks the remote nothing.
    let calls = house.zoho.stats().calls;
    let actor = Actor::new("nok", "test");
    assert!(matches!(
        ops::resume(&all, ZOHO, &actor).await,
        Err(jobs::Error::Parked { .. })
    ));
    engine
        .resume(engine::PauseScope::Connection, ZOHO, &actor)
        .await
        .unwrap();
    until("it is paused again", async || {
        !engine
            .pauses(engine::PauseScope::Connection)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    assert_eq!(house.zoho.stats().calls, calls);

    house.zoho.clear_faults();
    let mut tx = house.database.pool().begin().await.unwrap();
    let done = ops::reauthorise(&all, &mut tx, ZOHO, None, &actor)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(done.was_parked && done.resumed, "{done:?}");
    for one in &enqueued {
        let state = engine.wait(one.id, PATIENCE).await.unwrap();
        assert_eq!(state, State::Completed);
    }
    let view = ops::show(&all, ZOHO).await.unwrap();
    assert_eq!(
        (view.state.as_str(), view.credential.as_str()),
        ("active", "valid")
    );
    assert!(
        engine
            .alerts()
            .await
            .unwrap()
            .iter()
            .all(|alert| alert.subject != ZOHO)
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_revoked_grant_parks_after_one_call_and_a_new_one_goes_on() {
    let house = House::new().await;
    let all = house.authorised().await;
    let good = house.zoho.config().refresh_token.clone();
    house
        .set(&all, "refresh_token", "1000.revoked")
        .await
        .unwrap();
    let client = all.zoho(ZOHO).await.unwrap();

    let late = client.items_page(None, None).await.unwrap_err();
    for _ in 0..5 {
        let error = client.items_page(None, None).await.unwrap_err();
        let error = all.judge(ZOHO, error).await;
        assert!(matches!(error, jobs::Error::Parked { .. }), "{error}");
    }
    let mints = house.mints();
    let again = house.connections(&[OLD]);
    let mut tx = house.database.pool().begin().await.unwrap();
    let secret = secrecy::SecretString::from(good);
    let actor = Actor::new("nok", "test");
    let done = ops::reauthorise(&again, &mut tx, ZOHO, Some(&secret), &actor)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert!(done.was_parked);
    assert_eq!(mints, 1, "a grant that is refused is not tried again");
    let late = all.judge(ZOHO, late).await;
    assert!(
        matches!(late, jobs::Error::Parked { .. }),
        "the job of the old grant comes to tell of it now, and is not to blame: {late}"
    );
    all.zoho(ZOHO)
        .await
        .unwrap()
        .items_page(None, None)
        .await
        .unwrap();
}

/// How it stands, and whether it is paused.
async fn standing(house: &House, all: &Connections) -> (String, bool) {
    let view = ops::show(all, ZOHO).await.unwrap();
    let pauses = house
        .database
        .client()
        .pauses(engine::PauseScope::Connection);
    (
        view.state.as_str().to_owned(),
        !pauses.await.unwrap().is_empty(),
    )
}

#[tokio::test]
async fn a_connection_is_parked_and_paused_at_once_or_not_at_all() {
    let house = House::new().await;
    let all = house.authorised().await;
    house
        .set(&all, "refresh_token", "1000.revoked")
        .await
        .unwrap();
    // The database goes away between the two, for all that anybody knows.
    house
        .sql("alter table engine.pause add constraint nobody check (false) not valid")
        .await;

    let client = all.zoho(ZOHO).await.unwrap();
    client.items_page(None, None).await.unwrap_err();
    let failed = standing(&house, &all).await;
    let told = house.database.client().audit(Some(ZOHO), 20).await.unwrap();
    house
        .sql("alter table engine.pause drop constraint nobody")
        .await;
    // The lease of the renewal that ended so is over.
    house
        .sql("update sync.credential set intent = 'idle', holder = null, lease_until = null, retry_at = null")
        .await;
    client.items_page(None, None).await.unwrap_err();

    assert_eq!(failed, ("active".into(), false));
    assert!(told.iter().all(|row| row.action != "connection.park"));
    assert_eq!(
        standing(&house, &all).await,
        ("needs_reauthorisation".into(), true)
    );
}

#[tokio::test]
async fn a_reauthorisation_that_is_taken_back_leaves_the_pause_too() {
    let house = House::new().await;
    let all = house.authorised().await;
    house
        .set(&all, "refresh_token", "1000.revoked")
        .await
        .unwrap();
    let client = all.zoho(ZOHO).await.unwrap();
    client.items_page(None, None).await.unwrap_err();
    let actor = Actor::new("nok", "test");

    for (is_kept, expected) in [
        (false, ("needs_reauthorisation", true)),
        (true, ("active", false)),
    ] {
        let mut tx = house.database.pool().begin().await.unwrap();
        let done = ops::reauthorise(&all, &mut tx, ZOHO, None, &actor).await;
        assert!(done.unwrap().resumed);
        match is_kept {
            true => tx.commit().await.unwrap(),
            false => tx.rollback().await.unwrap(),
        }

        let (state, paused) = standing(&house, &all).await;
        assert_eq!((state.as_str(), paused), expected);
    }
}

#[tokio::test]
async fn a_refusal_while_the_database_is_away_is_no_verdict_on_the_job() {
    let house = House::new().await;
    let all = house.authorised().await;
    let refused = || connectors::Error::Forbidden {
        action: "list items".into(),
    };

    let known = all.judge(ZOHO, refused()).await;
    house.database.pool().close().await;
    let unknown = all.judge(ZOHO, refused()).await;

    assert_eq!(known.code(), "forbidden");
    // Tried again after its backoff, where the other ends the job.
    assert_eq!(unknown.code(), "database");
}

#[tokio::test]
async fn a_missing_secret_and_a_host_that_is_not_allowed_are_told_before_anything_is_sent() {
    let house = House::new().await;
    let all = house.connections(&[OLD]);
    let missing = all.zoho(ZOHO).await.unwrap_err();
    assert!(
        matches!(&missing, jobs::Error::NoSecret { field, .. } if field == "client_id"),
        "{missing}"
    );

    house.authorised().await;
    let declared = vec![super::declared("https://www.zohoapis.example.com")];
    let keys = Some(super::ring(&[OLD]));
    let elsewhere = Connections::new(
        house.database.client().clone(),
        declared,
        connectors::reach::Reach::default(),
        keys,
    );
    let error = elsewhere.zoho(ZOHO).await.unwrap_err();

    assert!(error.to_string().contains("allowed_hosts"), "{error}");
    assert_eq!(house.zoho.stats().calls, 0);
}

#[tokio::test]
async fn a_token_answer_that_names_another_host_sends_the_token_nowhere() {
    let house = House::new().await;
    let all = house.authorised().await;
    let client = all.zoho(ZOHO).await.unwrap();
    client.items_page(None, None).await.unwrap();
    house
        .sql("update sync.credential set api_domain = 'https://www.zohoapis.example.com'")
        .await;
    let calls = house.zoho.stats().calls;

    // The other process has the row's word for it, not its own memory.
    let other = house.connections(&[OLD]).zoho(ZOHO).await.unwrap();
    let error = other.items_page(None, None).await.unwrap_err();

    assert!(
        matches!(error, connectors::Error::Misconfigured { .. }),
        "{error}"
    );
    assert_eq!(house.zoho.stats().calls, calls);
}

#[tokio::test]
async fn a_credential_is_missing_valid_expiring_expired_or_revoked() {
    let house = House::new().await;
    let all = house.connections(&[OLD]);
    let credential = async || ops::show(&all, ZOHO).await.unwrap().credential.as_str();
    all.declare().await.unwrap();
    assert_eq!(credential().await, "missing");
    house.authorised().await;
    assert_eq!(credential().await, "valid", "as far as anybody knows");
    let client = all.zoho(ZOHO).await.unwrap();
    client.items_page(None, None).await.unwrap();
    let margin = "extract(epoch from expires_at - renew_at)::integer";
    assert_eq!(
        house.row(margin).await,
        "300",
        "five minutes before its end"
    );

    for (change, expected) in [
        ("renew_at = now() + interval '1 second'", "valid"),
        ("renew_at = now() - interval '1 second'", "expiring"),
        ("expires_at = now() - interval '1 second'", "expired"),
        ("is_revoked = true", "revoked"),
    ] {
        let sql = format!("update sync.credential set {change}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(house.database.pool())
            .await
            .unwrap();

        assert_eq!(credential().await, expected, "{change}");
    }
}
