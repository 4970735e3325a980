//! Single enqueues that share a transaction, and many that go in parts.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Answer, Error, NewJob, State, When, WorkerOptions};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::*;

/// Starts an enqueue of each while nothing can be written, and lets them go once the first transaction is
/// under way and the rest has come together, in it or behind it.
async fn enqueue_at_once(db: &Database, jobs: &[NewJob]) -> Vec<(usize, engine::Result<Answer>)> {
    let mut tx = db.pool().begin().await.unwrap();
    sqlx::query("lock table engine.job in exclusive mode")
        .execute(&mut *tx)
        .await
        .unwrap();
    let mut asking = JoinSet::new();
    for (place, job) in jobs.iter().enumerate() {
        let (client, job) = (db.client().clone(), job.clone());
        asking.spawn(async move { (place, client.enqueue(job).await.map(|one| one.answer)) });
    }
    until("a transaction waits", || async {
        number(
            db,
            "select count(*) from pg_locks where not granted and relation = 'engine.job'::regclass \
             and database = (select oid from pg_database where datname = current_database())",
        )
        .await
            >= 1
    })
    .await;
    tx.commit().await.unwrap();
    asking.join_all().await
}

#[tokio::test]
async fn enqueues_that_come_at_the_same_time_share_transactions() {
    let db = Database::new().await;
    let jobs: Vec<NewJob> = (0..200).map(|n| act(&n.to_string())).collect();

    let answers = enqueue_at_once(&db, &jobs).await;

    assert!(
        answers
            .iter()
            .all(|(_, answer)| matches!(answer, Ok(Answer::Inserted)))
    );
    assert_eq!(
        number(&db, "select count(*) from engine.pending").await,
        200
    );
    let transactions = number(&db, "select count(distinct xmin::text) from engine.job").await;
    assert!(
        transactions <= 10,
        "{transactions} transactions for 200 jobs"
    );
}

#[tokio::test]
async fn whoever_shares_a_transaction_learns_only_of_its_own_job() {
    let db = Database::new().await;
    let known = act("known");
    db.client().enqueue(known.clone()).await.unwrap();
    let twice = act("twice");
    let mut jobs: Vec<NewJob> = (0..50).map(|n| act(&n.to_string())).collect();
    jobs.extend([
        known,
        twice.clone(),
        twice,
        NewJob::new("test.act", &json!({"name": "\u{0}"})),
    ]);

    let mut answers = enqueue_at_once(&db, &jobs).await;

    answers.sort_by_key(|(place, _)| *place);
    let answer = |place: usize| &answers[place].1;
    assert!((0..50).all(|place| matches!(answer(place), Ok(Answer::Inserted))));
    assert!(matches!(answer(50), Ok(Answer::Existing)));
    let mut twins = [answer(51), answer(52)].map(|one| *one.as_ref().unwrap());
    twins.sort_by_key(|one| *one == Answer::Existing);
    assert_eq!(twins, [Answer::Inserted, Answer::Existing]);
    assert!(matches!(answer(53), Err(Error::Invalid(_))));
    assert_eq!(number(&db, "select count(*) from engine.job").await, 52);
    assert_each_job_is_in_one_place(&db).await;
}

#[tokio::test]
async fn many_go_in_parts_and_again_what_was_there_before() {
    let db = Database::new().await;
    let mut jobs: Vec<NewJob> = (0..3_500).map(|n| act(&n.to_string())).collect();
    let good = std::mem::replace(
        &mut jobs[3_200],
        NewJob::new("test.act", &json!({"name": "\u{0}"})),
    );

    let first = db.client().enqueue_in_parts(&jobs).await;
    let there = number(&db, "select count(*) from engine.job").await;
    jobs[3_200] = good;
    let second = db.client().enqueue_in_parts(&jobs).await.unwrap();

    assert!(matches!(first, Err(Error::Invalid(_))));
    assert!(
        there <= 3_000,
        "the part with the bad job is not there: {there}"
    );
    assert!(
        second
            .iter()
            .zip(&jobs)
            .all(|(one, job)| one.id == job.id())
    );
    let existing = second
        .iter()
        .filter(|one| one.answer == Answer::Existing)
        .count();
    assert_eq!(i64::try_from(existing).unwrap(), there);
    assert_eq!(number(&db, "select count(*) from engine.job").await, 3_500);
    assert_eq!(job(db.client(), jobs[0].id()).await.state, State::Available);
}

/// Each page of the two tables holds some fifty jobs. In the order asked, the two hundred would lie on every page.
#[tokio::test]
async fn those_of_one_call_that_are_due_first_lie_together() {
    let db = Database::new().await;
    let jobs: Vec<NewJob> = (0..2_000_u32)
        .map(|n| {
            let job = act(&n.to_string()).priority(i16::try_from(n / 2 % 5).unwrap());
            match n % 2 {
                0 => job,
                _ => job.when(When::After(Duration::from_secs(3_600))),
            }
        })
        .collect();

    let answers = db.client().enqueue_all(&jobs).await.unwrap();

    assert!(
        answers
            .iter()
            .zip(&jobs)
            .all(|(one, job)| one.id == job.id() && one.answer == Answer::Inserted)
    );
    for table in ["pending", "job"] {
        let pages = format!(
            "select count(distinct (t.ctid::text::point)[0]) from engine.{table} t \
             where t.id in (select id from engine.pending where due order by rank_at, id limit 200)"
        );
        let pages: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(pages))
            .fetch_one(db.pool())
            .await
            .unwrap();
        assert!(
            (1..=10).contains(&pages),
            "{pages} pages of {table} hold 200 jobs"
        );
    }
}

/// A worker beside the client waits for the same queue and hears of each job first, but does not know its kind.
#[tokio::test]
async fn what_a_worker_of_the_same_process_cannot_run_wakes_those_of_others() {
    let db = Database::new().await;
    // Without a hint a job waits for an hour.
    let hour = Duration::from_secs(3600);
    let lazy = WorkerOptions {
        poll: hour,
        service: hour,
        ..quick()
    };
    let beside = run_worker(db.client(), extra_done(), lazy.clone());
    let away = elsewhere(&db, done(), lazy).await;
    listening(&db, 2).await;

    for n in 0..20 {
        let job = db.client().enqueue(act(&n.to_string())).await.unwrap();
        ended(db.client(), job.id).await;
    }

    beside.stop().await;
    away.stop().await;
}
