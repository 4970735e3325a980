//! Jobs that wait for others: parts, batches with a finaliser, chains, and what a cancel does to them.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Batch, Client, Cx, Failure, NewJob, Outcome, Registry, State, Twin, UniqueScope};
use futures::TryStreamExt;
use serde_json::json;
use uuid::Uuid;

use crate::support::*;

/// `parent N` waits for N parts named by their numbers, `bad` ones die; a parent gives its batch.
fn families() -> Registry {
    playing(|name, cx| async move {
        if let Some(count) = name.strip_prefix("parent ") {
            return gather(
                &cx,
                (0..count.parse().unwrap())
                    .map(|n: u32| act(&n.to_string()))
                    .collect(),
            )
            .await;
        }
        if name.starts_with("bad") {
            return Ok(Outcome::Dead("bad".into()));
        }
        Ok(Outcome::Done(Some(json!(name))))
    })
}

async fn gather(cx: &Cx<Stage>, parts: Vec<NewJob>) -> Result<Outcome, Failure> {
    let batch: Batch = cx
        .children("parts", move |_| {
            Box::pin(async move { Ok::<_, Failure>(parts) })
        })
        .await?;
    Ok(Outcome::Done(Some(json!(batch))))
}

async fn results(client: &Client, batch: Uuid) -> Vec<serde_json::Value> {
    client.batch_results(batch).try_collect().await.unwrap()
}

async fn only_batch(client: &Client, owner: Uuid) -> Batch {
    let batches = client.batches(owner).await.unwrap();
    assert_eq!(batches.len(), 1, "{batches:?}");
    batches.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_parent_goes_on_once_all_its_parts_have_ended_and_sees_their_totals_and_results() {
    let db = Database::new().await;
    let client = db.client();
    let parts = || vec![act("a"), act("bad"), act("b"), act("bad too")];
    let registry = playing(move |name, cx| async move {
        match name.as_str() {
            "parent" => gather(&cx, parts()).await,
            name if name.starts_with("bad") => Ok(Outcome::Dead("bad".into())),
            name => Ok(Outcome::Done(Some(json!(name)))),
        }
    });
    let _worker = run_worker(client, registry, slots(1));

    let id = client.enqueue(act("parent")).await.unwrap().id;
    let parent = ended(client, id).await;

    assert_eq!(
        (parent.state, parent.attempt, parent.failed),
        (State::Completed, 2, 0)
    );
    let batch = only_batch(client, id).await;
    assert_eq!(
        (batch.total, batch.pending, batch.completed, batch.dead),
        (4, 0, 2, 2)
    );
    assert_eq!(results(client, batch.id).await, [json!("a"), json!("b")]);
    assert_eq!(number(&db, "select count(*) from engine.job").await, 5);
}

#[tokio::test]
async fn ten_thousand_parts_wake_one_parent_once() {
    let db = Database::new().await;
    let _worker = run_worker(db.client(), families(), slots(500));
    let _other = elsewhere(&db, families(), slots(500)).await;

    let id = db.client().enqueue(act("parent 10000")).await.unwrap().id;
    db.client()
        .wait(id, Duration::from_secs(120))
        .await
        .unwrap();

    let parent = job(db.client(), id).await;
    assert_eq!((parent.state, parent.attempt), (State::Completed, 2));
    let batch = only_batch(db.client(), id).await;
    assert_eq!((batch.total, batch.completed), (10_000, 10_000));
    assert_eq!(db.client().verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_part_whose_key_somebody_else_holds_is_stood_for_by_that_job() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, cx| {
        let door = door.clone();
        async move {
            if name == "parent" {
                return gather(&cx, vec![keyed("mine"), act("plain")]).await;
            }
            if name == "theirs" {
                door.pass().await;
            }
            Ok(Outcome::done())
        }
    });
    let _worker = run_worker(client, registry, quick());
    let theirs = client.enqueue(keyed("theirs")).await.unwrap().id;
    reaches(client, theirs, State::Running).await;

    let id = client.enqueue(act("parent")).await.unwrap().id;
    until("only the twin is left", || async {
        let batches = client.batches(id).await.unwrap();
        batches
            .first()
            .is_some_and(|batch| (batch.total, batch.pending) == (2, 1))
    })
    .await;
    reaches(client, id, State::Waiting).await;
    gate.open(1);

    let parent = ended(client, id).await;
    let twins = &parent.result.unwrap()["twins"];
    assert_eq!(twins, &json!([theirs]));
    assert_eq!(only_batch(client, id).await.completed, 2);
}

fn keyed(name: &str) -> NewJob {
    act(name).unique("the key", UniqueScope::QueuedOrRunning, Twin::Keep)
}

#[tokio::test]
async fn a_parent_that_is_tried_again_does_not_ask_for_its_parts_again() {
    let db = Database::new().await;
    let registry = playing(|name, cx| async move {
        if name != "parent" {
            return Ok(Outcome::done());
        }
        gather(&cx, vec![act("a"), act("b")]).await?;
        if cx.failed() < 2 {
            return Err(Failure::new("x", "after its parts"));
        }
        Ok(Outcome::done())
    });
    let _worker = run_worker(db.client(), registry, quick());

    let id = db.client().enqueue(act("parent")).await.unwrap().id;

    assert_eq!(ended(db.client(), id).await.state, State::Completed);
    assert_eq!(number(&db, "select count(*) from engine.job").await, 3);
}

#[tokio::test]
async fn a_dead_part_that_is_retried_in_time_counts_as_what_it_became() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, cx| {
        let door = door.clone();
        async move {
            match name.as_str() {
                "parent" => gather(&cx, vec![act("slow"), act("frail").max_attempts(1)]).await,
                "slow" => {
                    door.pass().await;
                    Ok(Outcome::done())
                }
                _ if cx.failed() == 0 => Err(Failure::new("x", "the first time")),
                _ => Ok(Outcome::done()),
            }
        }
    });
    let _worker = run_worker(client, registry, quick());
    let id = client.enqueue(act("parent")).await.unwrap().id;
    until_count(
        &db,
        "one part is dead",
        "select count(*) from engine.ended where state = 'dead'",
        1,
    )
    .await;
    let frail: Uuid = sqlx::query_scalar("select id from engine.ended where state = 'dead'")
        .fetch_one(db.pool())
        .await
        .unwrap();

    client.retry(frail, &somebody()).await.unwrap();
    assert_eq!(ended(client, frail).await.state, State::Completed);
    gate.open(1);

    assert_eq!(ended(client, id).await.state, State::Completed);
    let batch = only_batch(client, id).await;
    assert_eq!((batch.completed, batch.dead), (2, 0));
}

#[tokio::test]
async fn a_batch_runs_its_finaliser_after_its_last_job_and_at_once_when_it_has_none() {
    let db = Database::new().await;
    let client = db.client();
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let _worker = run_worker(client, registry, quick());

    let jobs = (0..20).map(|n| act(&n.to_string())).collect();
    let full = client.enqueue_batch(jobs, act("full")).await.unwrap();
    assert_eq!(ended(client, full.owner_id).await.state, State::Completed);
    let empty = client.enqueue_batch(vec![], act("empty")).await.unwrap();
    assert_eq!(ended(client, empty.owner_id).await.state, State::Completed);

    assert_eq!(noted.all().iter().position(|note| note == "full"), Some(20));
    assert_eq!(client.batch(full.id).await.unwrap().unwrap().completed, 20);
}

#[tokio::test]
async fn a_chain_runs_in_order_and_a_broken_one_cancels_what_is_left() {
    for (broken, expected) in [
        (false, vec!["one", "two", "three"]),
        (true, vec!["one", "bad"]),
    ] {
        let db = Database::new().await;
        let client = db.client();
        let noted = Notes::default();
        let notes = noted.clone();
        let registry = playing(move |name, _| {
            notes.add(name.clone());
            async move {
                if name == "bad" {
                    return Ok(Outcome::Dead("bad".into()));
                }
                Ok(Outcome::done())
            }
        });
        let _worker = run_worker(client, registry, quick());

        let middle = if broken { act("bad") } else { act("two") };
        let chain = vec![act("one"), middle, act("three"), act("four")];
        let chain = if broken { chain } else { chain[..3].to_vec() };
        let jobs = client.enqueue_chain(chain).await.unwrap();
        let last = ended(client, jobs.last().unwrap().id).await;

        assert_eq!(noted.all(), expected);
        if broken {
            assert_eq!(
                (last.state, last.code.as_deref()),
                (State::Cancelled, Some("chain_broken"))
            );
            assert_eq!(job(client, jobs[2].id).await.state, State::Cancelled);
        }
        assert_eq!(client.verify().await.unwrap(), []);
    }
}

#[tokio::test]
async fn the_cancel_of_a_parent_reaches_its_parts_and_theirs_queued_or_running() {
    let db = Database::new().await;
    let client = db.client();
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            match name.as_str() {
                "parent" => gather(&cx, vec![act("nested"), act("runs")]).await,
                "nested" => {
                    let leaves = (0..50).map(|_| act("leaf").queue("nobody")).collect();
                    gather(&cx, leaves).await
                }
                _ => {
                    notes.add("runs");
                    cx.stopped().await;
                    Err(Failure::new("x", "was told to stop"))
                }
            }
        }
    });
    let _worker = run_worker(client, registry, quick());
    let id = client.enqueue(act("parent")).await.unwrap().id;
    noted.reach("runs", 1).await;
    until_count(
        &db,
        "all wait or run",
        "select count(*) from engine.pending where state = 'waiting'",
        2,
    )
    .await;

    assert_eq!(
        client.cancel(id, &somebody(), "not wanted").await.unwrap(),
        State::Cancelled
    );

    until_count(
        &db,
        "all have ended",
        "select count(*) from engine.ended where state = 'cancelled'",
        53,
    )
    .await;
    assert_each_job_is_in_one_place(&db).await;
    until_count(
        &db,
        "nothing is left to tell",
        "select count(*) from engine.batch where abandoned or pending > 0",
        0,
    )
    .await;
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_running_parent_that_is_cancelled_takes_its_parts_with_it() {
    let db = Database::new().await;
    let client = db.client();
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            if name == "part" {
                return Ok(Outcome::done());
            }
            // Goes on working while its parts wait.
            let parts = (0..30).map(|_| act("part").queue("nobody")).collect();
            let waits = gather(&cx, parts).await;
            assert!(waits.is_err());
            notes.add("works on");
            cx.stopped().await;
            Err(Failure::new("x", "was told to stop"))
        }
    });
    let _worker = run_worker(client, registry, quick());
    let id = client.enqueue(act("parent")).await.unwrap().id;
    noted.reach("works on", 1).await;

    assert_eq!(
        client.cancel(id, &somebody(), "not wanted").await.unwrap(),
        State::Running
    );

    assert_eq!(ended(client, id).await.state, State::Cancelled);
    until_count(
        &db,
        "its parts have ended",
        "select count(*) from engine.ended where state = 'cancelled'",
        31,
    )
    .await;
}

#[tokio::test]
async fn parts_that_are_killed_with_their_worker_still_count_once() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, cx| {
        let door = door.clone();
        async move {
            if let Some(count) = name.strip_prefix("parent ") {
                let parts = (0..count.parse().unwrap()).map(|n: u32| act(&n.to_string()));
                return gather(&cx, parts.collect()).await;
            }
            door.pass().await;
            Ok(Outcome::done())
        }
    });
    let first = run_worker(client, registry.clone(), slots(20));
    let id = client.enqueue(act("parent 40")).await.unwrap().id;
    until_count(&db, "parts run", "select count(*) from engine.running", 20).await;

    drop(first);
    gate.open(100);
    let _second = elsewhere(&db, registry, slots(20)).await;

    assert_eq!(ended(client, id).await.state, State::Completed);
    let batch = only_batch(client, id).await;
    assert_eq!((batch.total, batch.completed, batch.pending), (40, 40, 0));
}

#[tokio::test]
async fn a_batch_and_a_chain_that_are_sent_again_are_there_once() {
    let db = Database::new().await;
    let client = db.client();
    let (parts, last) = (vec![act("a"), act("b")], act("last"));
    let chain = vec![act("1"), act("2"), act("3")];

    let batch = client.enqueue_batch(parts, last.clone()).await.unwrap();
    let again = client.enqueue_batch(vec![act("c")], last).await.unwrap();
    let links = client.enqueue_chain(chain.clone()).await.unwrap();
    let links_again = client.enqueue_chain(chain.clone()).await.unwrap();

    assert_eq!(again, batch);
    let ids = |links: &[engine::Enqueued]| links.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(&links_again), ids(&links));
    assert_eq!(number(&db, "select count(*) from engine.job").await, 6);
    let longer = [chain, vec![act("4")]].concat();
    let error = client.enqueue_chain(longer).await.unwrap_err();
    assert!(error.to_string().contains("must be new"), "{error}");
    assert_eq!(number(&db, "select count(*) from engine.job").await, 6);
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_job_that_is_there_already_is_no_part_of_a_new_batch() {
    let db = Database::new().await;
    let client = db.client();
    let there = act("there");
    client.enqueue(there.clone()).await.unwrap();

    for (parts, last) in [
        (vec![there.clone()], act("last")),
        (vec![act("new")], there.clone()),
    ] {
        let error = client.enqueue_batch(parts, last).await.unwrap_err();
        assert!(error.to_string().contains("must be"), "{error}");
    }

    assert_eq!(number(&db, "select count(*) from engine.job").await, 1);
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn a_finaliser_that_names_a_step_as_its_own_batch_is_told() {
    let db = Database::new().await;
    let registry = playing(|name, cx| async move {
        if name == "last" {
            cx.children("batch", |_| Box::pin(async { Ok::<_, Failure>(vec![]) }))
                .await?;
        }
        Ok(Outcome::done())
    });
    let _worker = run_worker(db.client(), registry, quick());

    let last = act("last").max_attempts(1);
    let batch = db
        .client()
        .enqueue_batch(vec![act("a")], last)
        .await
        .unwrap();
    let job = ended(db.client(), batch.owner_id).await;

    assert_eq!(job.state, State::Dead);
    assert!(job.error.unwrap().contains("give the step another"));
}

#[tokio::test]
async fn the_longest_chain_that_is_taken_can_break_at_its_first_job() {
    let db = Database::new().await;
    let links = |count| -> Vec<NewJob> { (0..count).map(|n| act(&format!("bad {n}"))).collect() };
    let _worker = run_worker(db.client(), families(), quick());

    let longest = links(engine::LONGEST_CHAIN);
    let chain = db.client().enqueue_chain(longest).await.unwrap();
    let too_long = links(engine::LONGEST_CHAIN + 1);
    let error = db.client().enqueue_chain(too_long).await.unwrap_err();

    assert!(error.to_string().contains("at most 100"), "{error}");
    let last = ended(db.client(), chain.last().unwrap().id).await;
    assert_eq!(last.code.as_deref(), Some("chain_broken"));
    assert_eq!(number(&db, "select count(*) from engine.ended").await, 100);
}
