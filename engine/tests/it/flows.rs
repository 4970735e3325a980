//! Steps that are done once, and waits that hold nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Cx, Error, Failure, Job, NewJob, Outcome, Registry, State, StepQuery, Told};
use serde_json::{Value, json};

use crate::support::*;

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_step_that_is_done_is_not_done_again_by_a_later_attempt() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |_, cx| {
        let notes = notes.clone();
        async move {
            let first: u32 = cx
                .step("count", async || {
                    notes.add("counted");
                    Ok::<_, Failure>(41)
                })
                .await?;
            if cx.failed() == 0 {
                return Err(Failure::new("x", "after the first step"));
            }
            let second: u32 = cx.step("add", async || Ok::<_, Failure>(first + 1)).await?;
            Ok(Outcome::Done(Some(json!(second))))
        }
    });
    let _worker = run_worker(db.client(), registry, quick());

    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let job = ended(db.client(), id).await;

    assert_eq!((job.state, job.result), (State::Completed, Some(json!(42))));
    assert_eq!(noted.count("counted"), 1);
    let steps = db
        .client()
        .steps(id, &StepQuery::default())
        .await
        .unwrap()
        .data;
    let told: Vec<_> = steps.iter().map(|s| (s.name.as_str(), s.attempt)).collect();
    assert_eq!(told, [("count", 1), ("add", 2)]);
}

#[tokio::test]
async fn the_writes_of_a_step_and_its_record_commit_together_or_not_at_all() {
    let db = Database::new().await;
    meddle(&db, "create table effect (n integer)").await;
    let registry = playing(|_, cx| async move {
        let failed = cx.failed();
        let written: i64 = cx
            .step_in("write", move |tx| {
                Box::pin(async move {
                    let done = sqlx::query("insert into effect values (1)")
                        .execute(tx)
                        .await;
                    let rows = done.map_err(Error::from)?.rows_affected();
                    if failed == 0 {
                        return Err(Failure::new("x", "after the write"));
                    }
                    Ok(i64::try_from(rows).unwrap())
                })
            })
            .await?;
        if cx.failed() == 1 {
            return Err(Failure::new("x", "after the step"));
        }
        Ok(Outcome::Done(Some(json!(written))))
    });
    let _worker = run_worker(db.client(), registry, quick());

    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let job = ended(db.client(), id).await;

    assert_eq!((job.attempt, job.result), (3, Some(json!(1))));
    assert_eq!(number(&db, "select count(*) from effect").await, 1);
}

#[tokio::test]
async fn a_zombie_can_keep_no_step() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |_, cx| {
        let (door, notes) = (door.clone(), notes.clone());
        async move {
            if cx.fence().attempt > 1 {
                return Ok(Outcome::done());
            }
            notes.add("begun");
            door.pass().await;
            let kept: Result<u32, Error> = cx.step("late", async || Ok(1)).await;
            notes.add(format!(
                "lease lost: {}",
                matches!(kept, Err(Error::LeaseLost { .. }))
            ));
            Ok(Outcome::done())
        }
    });
    let _worker = run_worker(db.client(), registry, slots(2));
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    noted.reach("begun", 1).await;

    meddle(&db, "update engine.running set nonce = nonce + 1").await;
    gate.open(1);

    noted.reach("lease lost: true", 1).await;
    let steps = db.client().steps(id, &StepQuery::default()).await.unwrap();
    assert_eq!(steps.data, []);
}

#[tokio::test]
async fn a_name_that_is_used_twice_in_an_attempt_is_an_error_that_says_so() {
    let db = Database::new().await;
    let registry = playing(|_, cx| async move {
        for _ in 0..2 {
            cx.step("same", async || Ok::<_, Failure>(1)).await?;
        }
        Ok(Outcome::done())
    });
    let _worker = run_worker(db.client(), registry, quick());

    let id = db
        .client()
        .enqueue(act("x").max_attempts(1))
        .await
        .unwrap()
        .id;
    let job = ended(db.client(), id).await;

    assert_eq!(job.state, State::Dead);
    let error = job.error.unwrap();
    assert!(error.contains("\"same\" is reached twice"), "{error}");
}

#[tokio::test]
async fn a_sleeping_job_holds_no_slot_and_goes_on_in_time() {
    let db = Database::new().await;
    let registry = playing(|name, cx| async move {
        if name == "sleeper" {
            cx.sleep("nap", Duration::from_millis(700)).await?;
        }
        Ok(Outcome::done())
    });
    let _worker = run_worker(db.client(), registry, slots(1));

    let sleeper = db.client().enqueue(act("sleeper")).await.unwrap().id;
    reaches(db.client(), sleeper, State::Waiting).await;
    let other = db.client().enqueue(act("other")).await.unwrap().id;
    assert_eq!(ended(db.client(), other).await.state, State::Completed);
    assert_eq!(job(db.client(), sleeper).await.state, State::Waiting);

    let woken = ended(db.client(), sleeper).await;
    assert_eq!(
        (woken.state, woken.attempt, woken.failed),
        (State::Completed, 2, 0)
    );
    let slept = woken.ended_at.unwrap().duration_since(woken.created_at);
    assert!(slept.as_millis() >= 700, "slept only {slept:?}");
    assert_eq!(outcomes(db.client(), sleeper).await, ["wait", "done"]);
}

/// Waits for `go` and gives what it was told.
fn listening(limit: Option<Duration>) -> Registry {
    playing(move |_, cx| async move {
        let word: Option<Value> = cx.signal("go", limit).await?;
        Ok(Outcome::Done(Some(json!({"heard": word}))))
    })
}

#[tokio::test]
async fn the_first_signal_wins_whether_it_comes_before_or_during_the_wait() {
    let db = Database::new().await;
    let client = db.client();
    let tell = |id, word: &'static str| async move {
        let told = client
            .signal(id, "go", Some(&json!(word)), &somebody())
            .await;
        told.unwrap()
    };
    let early = client.enqueue(act("early")).await.unwrap().id;
    assert_eq!(tell(early, "first").await, Told::Sent);
    let _worker = run_worker(client, listening(None), quick());
    let waiting = client.enqueue(act("waiting")).await.unwrap().id;
    reaches(client, waiting, State::Waiting).await;

    assert_eq!(tell(waiting, "first").await, Told::Sent);
    let told_again = tell(waiting, "second").await;

    assert!(matches!(told_again, Told::Already | Told::Ended));
    for id in [early, waiting] {
        let job = ended(client, id).await;
        assert_eq!(job.result, Some(json!({"heard": "first"})));
    }
    assert_eq!(tell(early, "third").await, Told::Ended);
    let audit = client.audit(Some(&waiting.to_string()), 5).await.unwrap();
    assert_eq!(audit[0].action, "job.signal");
}

#[tokio::test]
async fn a_wait_for_a_signal_ends_at_its_limit_and_hears_nothing_after_it() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |_, cx| {
        let door = door.clone();
        async move {
            let word: Option<Value> = cx.signal("go", Some(Duration::from_millis(300))).await?;
            door.pass().await;
            Ok(Outcome::Done(Some(json!({"heard": word}))))
        }
    });
    let _worker = run_worker(db.client(), registry, quick());
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    until_count(
        &db,
        "it has run out of time",
        "select count(*) from engine.signal where timed_out",
        1,
    )
    .await;

    let late = db
        .client()
        .signal(id, "go", None, &somebody())
        .await
        .unwrap();
    gate.open(1);

    assert_eq!(late, Told::Already);
    assert_eq!(
        ended(db.client(), id).await.result,
        Some(json!({"heard": null}))
    );
}

#[tokio::test]
async fn no_signal_is_lost_between_the_decision_to_wait_and_the_wait() {
    const JOBS: usize = 300;
    let db = Database::new().await;
    let _worker = run_worker(db.client(), listening(Some(LONG)), slots(50));
    let jobs: Vec<NewJob> = (0..JOBS).map(|n| act(&n.to_string())).collect();
    let ids: Vec<_> = jobs.iter().map(NewJob::id).collect();
    db.client().enqueue_all(&jobs).await.unwrap();

    // While they are being claimed and put aside, so that some are told at every point on the way.
    for id in &ids {
        let told = db
            .client()
            .signal(*id, "go", Some(&json!(1)), &somebody())
            .await;
        assert_eq!(told.unwrap(), Told::Sent);
    }

    for id in &ids {
        assert_eq!(
            ended(db.client(), *id).await.result,
            Some(json!({"heard": 1}))
        );
    }
    let waits = number(
        &db,
        "select count(*) from engine.attempt where outcome = 'wait'",
    )
    .await;
    assert!(waits > 0, "no job ever waited: the test did not bite");
}

#[tokio::test]
async fn a_signal_out_of_sql_wakes_the_job_in_the_callers_transaction() {
    let db = Database::new().await;
    let _worker = run_worker(db.client(), listening(None), quick());
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    reaches(db.client(), id, State::Waiting).await;

    let told: String = sqlx::query_scalar("select engine.signal($1, 'go', '7')")
        .bind(id)
        .fetch_one(db.pool())
        .await
        .unwrap();

    assert_eq!(told, "sent");
    assert_eq!(
        ended(db.client(), id).await.result,
        Some(json!({"heard": 7}))
    );
}

#[tokio::test]
async fn bad_signals_are_refused_with_what_to_do() {
    let db = Database::new().await;
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let cases = [
        (id, String::new(), json!(1), "1 to 100 bytes"),
        (id, "x".repeat(101), json!(1), "1 to 100 bytes"),
        (id, "x".into(), json!("x".repeat(300_000)), "at most 262144"),
        (id, "x".into(), json!("a\0b"), "NUL"),
        (uuid::Uuid::now_v7(), "x".into(), json!(1), "no job"),
    ];
    for (job, name, payload, expected) in cases {
        let refused = db
            .client()
            .signal(job, &name, Some(&payload), &somebody())
            .await;

        let error = refused.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(number(&db, "select count(*) from engine.signal").await, 0);
}

#[tokio::test]
async fn progress_is_seen_while_the_job_runs() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |_, cx| {
        let door = door.clone();
        async move {
            cx.progress(3, Some(10), "third page").await?;
            door.pass().await;
            cx.progress(10, Some(10), "all pages").await?;
            Ok(Outcome::done())
        }
    });
    let _worker = run_worker(db.client(), registry, quick());
    let id = db.client().enqueue(act("x")).await.unwrap().id;
    let shows = async |done| {
        until("it shows", || async {
            let seen = db.client().progress(id).await.unwrap();
            seen.is_some_and(|p| p.done == done && p.total == Some(10))
        })
        .await;
    };

    shows(3).await;
    gate.open(1);
    shows(10).await;
}

/// One kind in two builds: what it does depends on the version its job began with.
struct Versioned<const CURRENT: u32, const OLDEST: u32>;

impl<const CURRENT: u32, const OLDEST: u32> serde::Serialize for Versioned<CURRENT, OLDEST> {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&json!({}), out)
    }
}

impl<'de, const CURRENT: u32, const OLDEST: u32> serde::Deserialize<'de>
    for Versioned<CURRENT, OLDEST>
{
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(|_| Versioned)
    }
}

impl<const CURRENT: u32, const OLDEST: u32> Job for Versioned<CURRENT, OLDEST> {
    const KIND: &'static str = "test.versioned";
    const STEPS_VERSION: u32 = CURRENT;
    const OLDEST_STEPS: u32 = OLDEST;
    type Env = Arc<AtomicU32>;
    type Error = Failure;

    async fn run(self, cx: Cx<Arc<AtomicU32>>) -> Result<Outcome, Failure> {
        cx.env().fetch_add(1, SeqCst);
        cx.step("begin", async || Ok::<_, Failure>(1)).await?;
        let _: Option<Value> = cx.signal("go", None).await?;
        Ok(Outcome::Done(Some(json!(cx.steps_version().await?))))
    }
}

#[tokio::test]
async fn a_deploy_in_the_middle_of_a_flow_finishes_on_the_old_steps_or_says_why_not() {
    let cases = [("knows both", true), ("knows only the new", false)];
    for (case, finishes) in cases {
        let db = Database::new().await;
        let runs = Arc::new(AtomicU32::new(0));
        let old = Registry::new().with::<Versioned<1, 1>>(runs.clone());
        let worker = run_worker(db.client(), old, quick());
        let id = db
            .client()
            .enqueue(NewJob::of(&Versioned::<1, 1>))
            .await
            .unwrap()
            .id;
        reaches(db.client(), id, State::Waiting).await;
        worker.stop().await;

        let new = if finishes {
            Registry::new().with::<Versioned<2, 1>>(runs.clone())
        } else {
            Registry::new().with::<Versioned<2, 2>>(runs.clone())
        };
        let _worker = run_worker(db.client(), new, quick());
        db.client()
            .signal(id, "go", None, &somebody())
            .await
            .unwrap();
        let job = ended(db.client(), id).await;

        if finishes {
            assert_eq!(
                (job.state, job.result),
                (State::Completed, Some(json!(1))),
                "{case}"
            );
        } else {
            assert_eq!(
                (job.state, job.code.as_deref()),
                (State::Dead, Some("steps_unknown")),
                "{case}"
            );
            let error = job.error.unwrap();
            assert!(
                error.contains("version 1") && error.contains("run it again"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn an_older_build_puts_a_newer_flow_off_without_an_attempt() {
    let db = Database::new().await;
    let runs = Arc::new(AtomicU32::new(0));
    let new = Registry::new().with::<Versioned<2, 1>>(runs.clone());
    let worker = run_worker(db.client(), new, quick());
    let id = db
        .client()
        .enqueue(NewJob::of(&Versioned::<2, 1>))
        .await
        .unwrap()
        .id;
    reaches(db.client(), id, State::Waiting).await;
    worker.stop().await;

    let old = Registry::new().with::<Versioned<1, 1>>(runs.clone());
    let _worker = run_worker(db.client(), old, quick());
    db.client()
        .signal(id, "go", None, &somebody())
        .await
        .unwrap();
    until("the older build has had it", || async {
        runs.load(SeqCst) == 2
    })
    .await;
    reaches(db.client(), id, State::Available).await;

    let job = job(db.client(), id).await;
    assert_eq!((job.label, job.failed), ("scheduled", 0));
}

#[tokio::test]
async fn a_hundred_thousand_waiting_jobs_cost_a_claim_and_a_promotion_nothing() {
    let db = Database::new().await;
    meddle(
        &db,
        "insert into engine.pending (shard, id, kind, queue, state, due, priority, run_at, max_attempts, waiting_for) \
         select 0, engine.uuid_v7(), 'test.act', 'default', 'waiting', false, 0, 'infinity', 8, 'signal:go' \
         from generate_series(1, 100000)",
    )
    .await;
    meddle(&db, "analyze engine.pending").await;

    let indexed = number(
        &db,
        "select (pg_relation_size('engine.pending_ready') + pg_relation_size('engine.pending_timed')) / 8192",
    )
    .await;

    // A page each for an empty tree; 100,000 entries take 500.
    assert!(indexed <= 4, "{indexed} pages of index hold jobs that wait");
    let _worker = run_worker(db.client(), done(), quick());
    let id = db.client().enqueue(act("other")).await.unwrap().id;
    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    let waiting = number(
        &db,
        "select count(*) from engine.pending where state = 'waiting'",
    )
    .await;
    assert_eq!(waiting, 100_000);
}
