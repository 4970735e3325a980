//! Fair claims, limits over the whole fleet, and order, by partition key and by kind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Again, Failure, Limits, NewJob, Outcome, PartitionOrder, Policy, Registry, State};
use uuid::Uuid;

use crate::support::*;

fn limited(registry: Registry, limits: Limits) -> Registry {
    let mut registry = registry;
    let policy = Policy {
        limits,
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    registry
}

/// How many handlers of one key ran at once, at the most.
#[derive(Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<String, (u64, u64)>>>);

impl Crowd {
    /// How many there are, with the one that enters.
    pub(crate) fn enter(&self, key: &str) -> u64 {
        let mut all = self.0.lock().unwrap();
        let (now, most) = all.entry(key.to_owned()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        *now
    }

    pub(crate) fn leave(&self, key: &str) {
        self.0.lock().unwrap().get_mut(key).unwrap().0 -= 1;
    }

    pub(crate) fn most(&self, key: &str) -> u64 {
        self.0.lock().unwrap().get(key).map_or(0, |(_, most)| *most)
    }
}

/// Handlers that stay a moment in the crowd of their name's first word.
pub(crate) fn crowding(crowd: &Crowd, stay: Duration) -> Registry {
    let crowd = crowd.clone();
    playing(move |name, _| {
        let crowd = crowd.clone();
        async move {
            let key = name.split(' ').next().unwrap_or_default().to_owned();
            crowd.enter(&key);
            tokio::time::sleep(stay).await;
            crowd.leave(&key);
            Ok(Outcome::done())
        }
    })
}

/// Three worker processes of twenty slots.
pub(crate) async fn fleet(db: &Database, registry: &Registry) -> Vec<WorkerGuard> {
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(elsewhere(db, registry.clone(), slots(20)).await);
    }
    workers
}

pub(crate) async fn all_end(db: &Database, jobs: i64) {
    until_count(
        db,
        "all have ended",
        "select count(*) from engine.ended",
        jobs,
    )
    .await;
}

#[tokio::test]
async fn no_more_than_the_limit_of_a_partition_run_anywhere_in_the_fleet() {
    let db = Database::new().await;
    let crowd = Crowd::default();
    let limits = Limits {
        per_partition: Some(2),
        ..Limits::default()
    };
    let registry = limited(crowding(&crowd, Duration::from_millis(20)), limits);
    let jobs: Vec<NewJob> = (0..120)
        .map(|n| {
            let key = ["a", "b", "c"][n % 3];
            act(&format!("{key} {n}")).partition_key(key)
        })
        .collect();
    let workers = fleet(&db, &registry).await;

    db.client().enqueue_all(&jobs).await.unwrap();
    all_end(&db, 120).await;
    drop(workers);

    for key in ["a", "b", "c"] {
        assert_eq!(crowd.most(key), 2, "{key}: at once, and as many as may");
    }
    assert_eq!(number(&db, "select count(*) from engine.attempt").await, 0);
}

#[tokio::test]
async fn no_more_than_the_limit_of_a_kind_run_anywhere_in_the_fleet() {
    let db = Database::new().await;
    let crowd = Crowd::default();
    let limits = Limits {
        running: Some(3),
        ..Limits::default()
    };
    let registry = limited(crowding(&crowd, Duration::from_millis(20)), limits);
    let jobs: Vec<NewJob> = (0..90)
        .map(|n| {
            let job = act(&format!("all {n}"));
            if n % 2 == 0 {
                job.partition_key(format!("key {n}"))
            } else {
                job
            }
        })
        .collect();
    let workers = fleet(&db, &registry).await;

    db.client().enqueue_all(&jobs).await.unwrap();
    all_end(&db, 90).await;
    drop(workers);

    assert_eq!(crowd.most("all"), 3);
}

#[tokio::test]
async fn an_ordered_partition_runs_one_after_the_other_through_retries() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            if name.ends_with("3") && cx.failed() == 0 {
                return Err(Failure::new("x", "the first time"));
            }
            notes.add(name);
            Ok(Outcome::done())
        }
    });
    let limits = Limits {
        order: Some(PartitionOrder::Skip),
        ..Limits::default()
    };
    let registry = limited(registry, limits);
    let first = run_worker(db.client(), registry.clone(), slots(10));
    let _second = elsewhere(&db, registry, slots(10)).await;
    // What a kind asks for is known once a worker has started.
    until_count(
        &db,
        "the kind is known",
        "select count(*) from engine.kind where partition_order = 'skip'",
        1,
    )
    .await;

    let jobs: Vec<NewJob> = (0..40)
        .map(|n| act(&format!("{} {n:02}", ["a", "b"][n % 2])).partition_key(["a", "b"][n % 2]))
        .collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    all_end(&db, 40).await;

    for key in ["a", "b"] {
        let of_key: Vec<String> = noted
            .all()
            .into_iter()
            .filter(|n| n.starts_with(key))
            .collect();
        let mut sorted = of_key.clone();
        sorted.sort();
        assert_eq!(of_key, sorted);
        assert_eq!(of_key.len(), 20);
    }
    first.stop().await;
}

#[tokio::test]
async fn a_dead_job_blocks_its_ordered_partition_until_it_is_retried_or_skipped() {
    let db = Database::new().await;
    let client = db.client();
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            if name.starts_with("bad") && cx.fence().attempt == 1 {
                return Err(Failure::new("x", "no").again(Again::Never));
            }
            notes.add(name);
            Ok(Outcome::done())
        }
    });
    let limits = Limits {
        order: Some(PartitionOrder::Block),
        ..Limits::default()
    };
    let _worker = run_worker(client, limited(registry, limits), slots(10));
    until_count(
        &db,
        "the kind is known",
        "select count(*) from engine.kind where partition_order = 'block'",
        1,
    )
    .await;
    let in_order = |key: &'static str| {
        ["bad", "next"].map(|word| act(&format!("{word} {key}")).partition_key(key))
    };
    let (retried, skipped) = (in_order("retried"), in_order("skipped"));
    let id_of = |jobs: &[NewJob; 2], place: usize| jobs[place].id();
    let ids: Vec<Uuid> = vec![
        id_of(&retried, 0),
        id_of(&retried, 1),
        id_of(&skipped, 0),
        id_of(&skipped, 1),
    ];
    client.enqueue_all(&retried).await.unwrap();
    client.enqueue_all(&skipped).await.unwrap();
    reaches(client, ids[0], State::Dead).await;
    reaches(client, ids[2], State::Dead).await;
    until("both are held up", || async {
        client
            .blocked_partitions(None, 50)
            .await
            .unwrap()
            .data
            .len()
            == 2
    })
    .await;
    // Another key goes on meanwhile, and this many claims have not taken what is held up.
    let other = client
        .enqueue(act("other").partition_key("other"))
        .await
        .unwrap()
        .id;
    ended(client, other).await;
    assert_eq!(noted.all(), ["other"]);
    let waiting: Vec<i64> = client
        .blocked_partitions(None, 50)
        .await
        .unwrap()
        .data
        .iter()
        .map(|b| b.waiting)
        .collect();
    assert_eq!(waiting, [1, 1]);

    client.retry(ids[0], &somebody()).await.unwrap();
    assert_eq!(ended(client, ids[1]).await.state, State::Completed);
    let dead = client
        .skip_dead("skipped", &somebody(), Some("not needed"))
        .await
        .unwrap();
    assert_eq!(ended(client, ids[3]).await.state, State::Completed);

    assert_eq!(dead, ids[2]);
    assert_eq!(
        noted.all()[1..],
        ["bad retried", "next retried", "next skipped"]
    );
    assert_eq!(client.blocked_partitions(None, 50).await.unwrap().data, []);
    let error = client
        .skip_dead("skipped", &somebody(), None)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no blocked partition named"),
        "{error}"
    );
}

#[tokio::test]
async fn a_tenant_with_a_hundred_thousand_jobs_does_not_delay_anothers_first() {
    let db = Database::new().await;
    let started = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let seen = started.clone();
    let registry = playing(move |name, _| {
        let seen = seen.clone();
        async move {
            if name == "small" {
                seen.store(u64::try_from(begin.elapsed().as_millis()).unwrap(), SeqCst);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(Outcome::done())
        }
    });
    for _ in 0..10 {
        let jobs: Vec<NewJob> = (0..10_000)
            .map(|_| act("big").partition_key("big tenant"))
            .collect();
        db.client().enqueue_all(&jobs).await.unwrap();
    }
    let _worker = run_worker(db.client(), registry, slots(20));
    until_count(
        &db,
        "the big tenant has all slots",
        "select count(*) from engine.running",
        20,
    )
    .await;

    let before = u64::try_from(begin.elapsed().as_millis()).unwrap();
    db.client()
        .enqueue(act("small").partition_key("small tenant"))
        .await
        .unwrap();
    until("it has started", || async { started.load(SeqCst) > 0 }).await;

    // Not a measure of speed: without fairness it is four minutes.
    let waited = started.load(SeqCst) - before;
    eprintln!("the other tenant's first job waited {waited} ms");
    assert!(waited < 20_000);
    assert!(number(&db, "select count(*) from engine.pending").await > 90_000);
}

#[tokio::test]
async fn every_key_gets_its_turn_however_many_there_are() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let mut jobs: Vec<NewJob> = (0..2_000).map(|_| act("a").partition_key("a")).collect();
    jobs.extend((0..300).map(|n| act("few").partition_key(format!("key {n:03}"))));
    jobs.extend((0..2_000).map(|_| act("none")));
    db.client().enqueue_all(&jobs).await.unwrap();

    let _worker = run_worker(db.client(), registry, slots(10));
    all_end(&db, 4_300).await;

    let order = noted.all();
    let last_of_few = order.iter().rposition(|note| note == "few").unwrap();
    assert!(
        last_of_few < 2_000,
        "the last of the small keys came at place {last_of_few} of 4300"
    );
    let first_unkeyed = order.iter().position(|note| note == "none").unwrap();
    assert!(
        first_unkeyed < 100,
        "the first job without a key came at place {first_unkeyed}"
    );
}

#[tokio::test]
async fn a_better_priority_overtakes_only_for_a_bounded_time() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let hour = Duration::from_secs(3_600);
    let old = engine::When::At(db.client().server().await.unwrap().now - hour);
    let jobs = [
        act("patient").priority(50).when(old),
        act("urgent").priority(-5),
        act("usual"),
        act("urgent too").priority(-5),
        act("old and low").priority(70).when(old),
    ];
    db.client().enqueue_all(&jobs).await.unwrap();

    let _worker = run_worker(db.client(), registry, slots(1));
    all_end(&db, 5).await;

    // An hour of waiting is worth sixty steps.
    assert_eq!(
        noted.all(),
        ["patient", "urgent", "urgent too", "usual", "old and low"]
    );
}

#[tokio::test]
async fn a_killed_worker_gives_back_the_room_it_took() {
    let db = Database::new().await;
    let limits = Limits {
        per_partition: Some(1),
        ..Limits::default()
    };
    let gate = Gate::closed();
    let stuck = passing(&gate);
    let first = run_worker(db.client(), limited(stuck, limits), slots(5));
    let jobs: Vec<NewJob> = (0..3).map(|_| act("x").partition_key("k")).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    until_count(&db, "one runs", "select count(*) from engine.running", 1).await;

    drop(first);
    let _second = elsewhere(&db, limited(done(), limits), slots(5)).await;

    all_end(&db, 3).await;
}

#[tokio::test]
async fn jobs_that_were_there_before_their_kind_kept_order_are_run_in_order() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let limits = Limits {
        order: Some(PartitionOrder::Block),
        ..Limits::default()
    };
    let jobs: Vec<NewJob> = (0..20)
        .map(|n| act(&n.to_string()).partition_key("k"))
        .collect();
    db.client().enqueue_all(&jobs).await.unwrap();

    let _worker = run_worker(db.client(), limited(registry, limits), slots(10));
    all_end(&db, 20).await;

    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(noted.all(), expected);
}

#[tokio::test]
async fn a_job_that_was_enqueued_while_its_kind_was_registered_is_not_forgotten() {
    let db = Database::new().await;
    let limits = Limits {
        order: Some(PartitionOrder::Skip),
        ..Limits::default()
    };
    let options = engine::WorkerOptions {
        service: Duration::from_millis(5),
        ..quick()
    };
    let _worker = run_worker(db.client(), limited(done(), limits), options);
    until_count(
        &db,
        "the kind keeps order",
        "select count(*) from engine.kind where partition_order is not null",
        1,
    )
    .await;

    // As an enqueue leaves it that read the kind a moment before.
    meddle(
        &db,
        "with job as (insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, partition_key) \
             select 0, engine.uuid_v7(), 'test.act', '{\"name\": \"late\"}', 'default', 0, now(), 8, 'k' returning *) \
         insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key) \
         select shard, id, kind, queue, true, 0, run_at, 8, partition_key from job",
    )
    .await;

    all_end(&db, 1).await;
}

#[tokio::test]
async fn with_one_slot_a_key_and_those_without_one_take_turns() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |name, _| {
        notes.add(name);
        async { Ok(Outcome::done()) }
    });
    let mut jobs: Vec<NewJob> = (0..100).map(|_| act("none")).collect();
    jobs.extend((0..100).map(|_| act("big").partition_key("big")));
    jobs.push(act("small").partition_key("small"));
    db.client().enqueue_all(&jobs).await.unwrap();

    let _worker = run_worker(db.client(), registry, slots(1));
    all_end(&db, 201).await;

    let order = noted.all();
    for name in ["none", "big", "small"] {
        let first = order.iter().position(|note| note == name).unwrap();
        assert!(first < 3, "{name} came first at place {first} of 201");
    }
}
