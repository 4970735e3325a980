//! What people do to jobs, queues and kinds.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Client, Error, Failure, Outcome, State, When};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A job that runs until it is told to stop, for longer than a poll for cancels.
async fn running_until_told(db: &Database) -> (WorkerGuard, Notes, Uuid) {
    let noted = Notes::default();
    let notes = noted.clone();
    let worker = elsewhere(
        db,
        playing(move |_, cx| {
            let notes = notes.clone();
            async move {
                notes.add("begun");
                cx.stopped().await;
                notes.add("told");
                Err(Failure::new("stopped", "as I was told"))
            }
        }),
        // Only the poll for cancels and their hints may tell.
        engine::WorkerOptions {
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            ..quick()
        },
    )
    .await;
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;
    (worker, noted, id)
}

async fn assert_told_before_the_heartbeat(db: &Database, noted: &Notes, asked: Instant, id: Uuid) {
    noted.reach("told", 1).await;
    let told_after = asked.elapsed();
    assert!(
        // Not a measure of speed.
        told_after < Duration::from_secs(5),
        "told after {told_after:?}"
    );
    let job = ended(db.client(), id).await;
    assert_eq!(
        (job.state, job.attempt, job.code.as_deref()),
        (State::Cancelled, 1, Some("cancelled")),
        "{job:?}"
    );
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let db = Database::new().await;
    for job in [act("due"), act("scheduled").when(When::After(HOUR))] {
        let id = db.client().enqueue(job).await.unwrap().id;

        let state = db
            .client()
            .cancel(id, &somebody(), "not needed")
            .await
            .unwrap();

        assert_eq!(state, State::Cancelled);
        let job = job_of(&db, id).await;
        assert_eq!(
            (job.state, job.error.as_deref()),
            (State::Cancelled, Some("not needed"))
        );
        assert_eq!(db.client().attempts(id).await.unwrap(), []);
    }
    assert_each_job_is_in_one_place(&db).await;
}

async fn job_of(db: &Database, id: Uuid) -> engine::JobView {
    job(db.client(), id).await
}

#[tokio::test]
async fn a_cancel_from_another_process_reaches_the_handler_within_a_second() {
    let db = Database::new().await;
    let (worker, noted, id) = running_until_told(&db).await;

    let asked = Instant::now();
    let state = db
        .client()
        .cancel(id, &somebody(), "stop it")
        .await
        .unwrap();

    assert_eq!(state, State::Running);
    assert_told_before_the_heartbeat(&db, &noted, asked, id).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_cancel_whose_hint_is_lost_reaches_the_handler_within_a_second() {
    let db = Database::new().await;
    let (worker, noted, id) = running_until_told(&db).await;
    until_count(
        &db,
        "it has run for a while",
        "select count(*) from engine.running where started_at < now() - interval '1 second'",
        1,
    )
    .await;

    let asked = Instant::now();
    meddle(&db, "update engine.running set cancel_requested = true").await;

    assert_told_before_the_heartbeat(&db, &noted, asked, id).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_cancel_of_a_job_that_has_just_begun_whose_hint_is_lost_reaches_it_within_a_second() {
    let db = Database::new().await;
    let (worker, noted, id) = running_until_told(&db).await;

    let asked = Instant::now();
    meddle(&db, "update engine.running set cancel_requested = true").await;

    assert_told_before_the_heartbeat(&db, &noted, asked, id).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_handler_that_does_not_stop_is_dropped_after_the_grace() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, _| {
            let notes = notes.clone();
            async move {
                let _dropped = OnDrop(notes.clone());
                notes.add("begun");
                std::future::pending().await
            }
        }),
        quick(),
    );
    let id = db.client().enqueue(act("deaf")).await.unwrap().id;
    noted.reach("begun", 1).await;

    db.client()
        .cancel(id, &somebody(), "stop it")
        .await
        .unwrap();

    assert_eq!(ended(db.client(), id).await.state, State::Cancelled);
    noted.reach("dropped", 1).await;
    worker.stop().await;
}

struct OnDrop(Notes);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add("dropped");
    }
}

#[tokio::test]
async fn a_cancel_never_undoes_work_that_was_done() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| {
            let notes = notes.clone();
            async move {
                notes.add("begun");
                cx.stopped().await;
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;

    db.client()
        .cancel(id, &somebody(), "too late")
        .await
        .unwrap();

    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    worker.stop().await;
}

/// A job brought to `state`, on a database without workers.
async fn job_in(db: &Database, state: State) -> Uuid {
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let worker = |registry| run_worker(db.client(), registry, quick());
    match state {
        State::Available => {}
        State::Completed => {
            let worker = worker(done());
            ended(db.client(), id).await;
            worker.stop().await;
        }
        State::Dead => {
            let worker = worker(playing(|_, _| async { Ok(Outcome::Dead("over".into())) }));
            ended(db.client(), id).await;
            worker.stop().await;
        }
        State::Cancelled => {
            db.client().cancel(id, &somebody(), "no").await.unwrap();
        }
        State::Running => {
            sqlx::query(
                "with p as (delete from engine.pending where id = $1 returning *) \
                 insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id, started_at, lease_until) \
                 select shard, id, kind, queue, priority, 1, 0, 0, 8, 1, id, now(), now() + interval '1 hour' from p",
            )
            .bind(id)
            .execute(db.pool())
            .await
            .unwrap();
        }
        State::Waiting => {
            sqlx::query("update engine.pending set state = 'waiting', due = false where id = $1")
                .bind(id)
                .execute(db.pool())
                .await
                .unwrap();
        }
    }
    assert_eq!(job(db.client(), id).await.state, state);
    id
}

#[tokio::test]
async fn every_verb_is_legal_in_its_states_and_refused_in_the_others() {
    use State::{Available, Cancelled, Completed, Dead, Running, Waiting};
    let db = Database::new().await;
    let verbs: [(&str, &[State]); 3] = [
        ("cancel", &[Available, Waiting, Running]),
        ("retry", &[Available, Dead, Cancelled]),
        ("delete", &[Completed, Cancelled, Dead]),
    ];

    for (verb, legal) in verbs {
        for state in State::ALL {
            let id = job_in(&db, state).await;

            let answer = by_name(db.client(), verb, id).await;

            let title = format!("{verb} when {state}");
            if legal.contains(&state) {
                assert!(answer.is_ok(), "{title}: {answer:?}");
            } else {
                assert!(
                    matches!(answer, Err(Error::WrongState { state: told, .. }) if told == state),
                    "{title}: {answer:?}"
                );
                assert_eq!(job(db.client(), id).await.state, state, "{title}");
            }
            let audited = db.client().audit(Some(&id.to_string()), 50).await.unwrap();
            let noted = audited
                .iter()
                .filter(|row| row.action == format!("job.{verb}"))
                .count();
            let ways = usize::from(legal.contains(&state))
                + usize::from(verb == "cancel" && state == Cancelled);
            assert_eq!(noted, ways, "{title}: audit");
        }
        let nobody = by_name(db.client(), verb, Uuid::now_v7()).await;
        assert!(matches!(nobody, Err(Error::NoJob(_))), "{verb}: {nobody:?}");
    }
    assert_each_job_is_in_one_place(&db).await;
}

async fn by_name(client: &Client, verb: &str, id: Uuid) -> engine::Result<()> {
    match verb {
        "cancel" => client.cancel(id, &somebody(), "why").await.map(|_| ()),
        "retry" => client.retry(id, &somebody()).await,
        _ => client.delete(id, &somebody()).await,
    }
}

#[tokio::test]
async fn a_retried_job_goes_on_with_its_attempts() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, cx| async move {
            if cx.fence().attempt <= 2 {
                Err(Failure::new("boom", "it broke"))
            } else {
                Ok(Outcome::done())
            }
        }),
        quick(),
    );
    let id = db
        .client()
        .enqueue(act("x").max_attempts(2))
        .await
        .unwrap()
        .id;
    assert_eq!(ended(db.client(), id).await.state, State::Dead);

    db.client().retry(id, &somebody()).await.unwrap();

    until("done", || async {
        job(db.client(), id).await.state == State::Completed
    })
    .await;
    assert_eq!(job(db.client(), id).await.attempt, 3);
    assert_eq!(outcomes(db.client(), id).await, ["retry", "dead", "done"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_retry_does_not_wait_for_the_jobs_time() {
    let db = Database::new().await;
    let worker = elsewhere(&db, done(), quick()).await;
    let id = db
        .client()
        .enqueue(act("x").when(When::After(HOUR)))
        .await
        .unwrap()
        .id;

    db.client().retry(id, &somebody()).await.unwrap();

    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    worker.stop().await;
}

#[tokio::test]
async fn run_again_makes_a_new_job_and_leaves_the_old_one_alone() {
    let db = Database::new().await;
    let worker = run_worker(db.client(), done(), quick());
    let bad = garbled()
        .tag("vip")
        .priority(3)
        .queue("default")
        .partition_key("p");
    let old = db.client().enqueue(bad).await.unwrap().id;
    let before = engine::JobView {
        fingerprint: None,
        ..ended(db.client(), old).await
    };

    let new = db
        .client()
        .run_again(old, Some(json!({"name": "mended"})), &somebody())
        .await
        .unwrap()
        .id;
    let same = db
        .client()
        .run_again(old, None, &somebody())
        .await
        .unwrap()
        .id;

    let (new, same) = (
        ended(db.client(), new).await,
        ended(db.client(), same).await,
    );
    assert_eq!((new.state, same.state), (State::Completed, State::Dead));
    assert_eq!(
        (new.replayed_from, same.replayed_from),
        (Some(old), Some(old))
    );
    assert_eq!(
        (new.tags, new.priority, new.partition_key),
        (vec!["vip".into()], 3, Some("p".into()))
    );
    assert_eq!(new.asked_by.as_deref(), Some("ada"));
    let after = engine::JobView {
        // The group service may find the letter at any time; that is no change of how it ended.
        fingerprint: None,
        ..job(db.client(), old).await
    };
    assert_eq!(after, before);
    worker.stop().await;
}

#[tokio::test]
async fn a_deleted_job_leaves_nothing_behind() {
    let db = Database::new().await;
    let worker = run_worker(
        db.client(),
        playing(|_, _| async { Err(Failure::new("boom", "no")) }),
        quick(),
    );
    let id = db
        .client()
        .enqueue(act("x").max_attempts(2))
        .await
        .unwrap()
        .id;
    ended(db.client(), id).await;

    db.client().delete(id, &somebody()).await.unwrap();

    assert_eq!(db.client().job(id).await.unwrap(), None);
    assert_eq!(number(&db, "select (select count(*) from engine.job) + (select count(*) from engine.attempt) + (select count(*) from engine.ended)").await, 0);
    worker.stop().await;
}
