//! A partition key that jobs of several kinds have: what runs of it counts for the limit of each.

use std::time::Duration;

use engine::testing::Database;
use engine::{
    Job as _, Limits, NewJob, Outcome, PartitionOrder, Policy, Registry, State, When, Why,
};

use crate::limits::{Crowd, all_end, crowding, fleet};
use crate::support::*;
use crate::why::why;

fn limited(mut registry: Registry, kind: &str, limits: Limits) -> Registry {
    let policy = Policy {
        limits,
        ..registry.policy(kind)
    };
    assert!(registry.set_policy(kind, policy));
    registry
}

fn per_partition(most: u32) -> Limits {
    Limits {
        per_partition: Some(most),
        ..Limits::default()
    }
}

fn extra(name: &str) -> NewJob {
    NewJob::of(&Extra {
        name: name.to_owned(),
    })
}

#[tokio::test]
async fn kinds_that_share_a_key_share_its_limit() {
    let db = Database::new().await;
    let crowd = Crowd::default();
    let registry = crowding(&crowd, Duration::from_millis(20));
    let registry = limited(registry, Act::KIND, per_partition(2));
    let registry = limited(registry, Extra::KIND, per_partition(2));
    let jobs: Vec<NewJob> = (0..120)
        .map(|n| {
            let key = ["a", "b", "c"][n % 3];
            let of = [act, extra][n % 2];
            of(&format!("{key} {n}")).partition_key(key)
        })
        .collect();
    let workers = fleet(&db, &registry).await;

    db.client().enqueue_all(&jobs).await.unwrap();
    all_end(&db, 120).await;
    drop(workers);

    for key in ["a", "b", "c"] {
        assert_eq!(crowd.most(key), 2, "{key}: at once, and as many as may");
    }
}

#[tokio::test]
async fn a_kind_of_a_smaller_limit_is_not_overtaken_by_the_others_of_its_key() {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let crowd = Crowd::default();
    let seen = crowd.clone();
    let registry = playing(move |name, _| {
        let (notes, crowd) = (notes.clone(), seen.clone());
        async move {
            crowd.enter("inn");
            notes.add(format!("{name} begins"));
            tokio::time::sleep(Duration::from_millis(5)).await;
            notes.add(format!("{name} ends"));
            crowd.leave("inn");
            Ok(Outcome::done())
        }
    });
    let ordered = Limits {
        order: Some(PartitionOrder::Block),
        ..Limits::default()
    };
    let registry = limited(registry, Act::KIND, ordered);
    let registry = limited(registry, Extra::KIND, per_partition(3));
    let many = |n: usize| extra(&n.to_string()).partition_key("inn");
    for jobs in [
        (0..20).map(many).collect::<Vec<_>>(),
        vec![act("alone").partition_key("inn")],
        (21..120).map(many).collect(),
    ] {
        db.client().enqueue_all(&jobs).await.unwrap();
    }
    // Its claims come one after the other, so that the times of attempts tell their order.
    let worker = elsewhere(&db, registry, slots(10)).await;

    all_end(&db, 120).await;
    drop(worker);

    let all = noted.all();
    let before = all.iter().take_while(|name| *name != "alone begins");
    let ended = before.filter(|name| name.ends_with(" ends")).count();
    assert!(ended >= 20, "it begins when none runs: {all:?}");
    let (earlier, together): (i64, i64) = sqlx::query_as(
        "select count(*) filter (where e.started_at < a.started_at), count(*) filter (where e.started_at = a.started_at) \
         from engine.ended e, engine.ended a where a.kind = 'test.act' and e.kind = 'test.extra'",
    )
    .fetch_one(db.pool())
    .await
    .unwrap();
    assert_eq!((earlier, together), (20, 0), "none overtakes it");
    assert_eq!(crowd.most("inn"), 3);
}

#[tokio::test]
async fn a_job_that_waits_for_its_next_attempt_holds_up_no_other_kind_of_its_key() {
    let db = Database::new().await;
    let ordered = Limits {
        order: Some(PartitionOrder::Block),
        ..Limits::default()
    };
    let registry = limited(done(), Act::KIND, ordered);
    let registry = limited(registry, Extra::KIND, per_partition(1));
    let late = act("later").when(When::After(Duration::from_secs(3_600)));
    let late = db
        .client()
        .enqueue(late.partition_key("inn"))
        .await
        .unwrap();
    let next = act("next").partition_key("inn");
    let next = db.client().enqueue(next).await.unwrap();
    let other = extra("other").partition_key("inn");
    let other = db.client().enqueue(other).await.unwrap();

    let worker = elsewhere(&db, registry, slots(5)).await;
    let other = ended(db.client(), other.id).await;
    drop(worker);

    assert_eq!(other.state, State::Completed);
    for waits in [late.id, next.id] {
        assert_eq!(job(db.client(), waits).await.attempt, 0);
    }
}

#[tokio::test]
async fn a_kind_without_a_limit_of_the_key_does_not_wait_for_one_with_it() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let door = gate.clone();
    let registry = playing(move |name, _| {
        let door = door.clone();
        async move {
            if name == "holds" {
                door.pass().await;
            }
            Ok(Outcome::done())
        }
    });
    let registry = limited(registry, Act::KIND, per_partition(1));
    let of_kind = Limits {
        running: Some(5),
        ..Limits::default()
    };
    let registry = limited(registry, Extra::KIND, of_kind);
    let worker = elsewhere(&db, registry, slots(5)).await;
    let enqueue = async |job: NewJob| {
        let enqueued = db.client().enqueue(job.partition_key("inn")).await;
        enqueued.unwrap().id
    };
    let holds = enqueue(act("holds")).await;
    reaches(db.client(), holds, State::Running).await;
    let next = enqueue(act("next")).await;

    let other = enqueue(extra("other")).await;

    assert_eq!(ended(db.client(), other).await.state, State::Completed);
    assert_eq!(job(db.client(), next).await.state, State::Available);
    gate.open(1);
    assert_eq!(ended(db.client(), next).await.state, State::Completed);
    drop(worker);
}

#[tokio::test]
async fn why_names_the_job_of_another_kind_that_may_not_be_overtaken() {
    let db = Database::new().await;
    let gate = Gate::closed();
    let registry = passing(&gate);
    let registry = limited(registry, Act::KIND, per_partition(1));
    let registry = limited(registry, Extra::KIND, per_partition(3));
    let worker = elsewhere(&db, registry, slots(5)).await;
    let enqueue = async |job: NewJob, key: &str| {
        let enqueued = db.client().enqueue(job.partition_key(key)).await;
        enqueued.unwrap().id
    };
    let holds = enqueue(act("holds"), "inn").await;
    reaches(db.client(), holds, State::Running).await;
    let head = enqueue(act("head"), "inn").await;

    let kept = enqueue(extra("kept"), "inn").await;
    let elsewhere = enqueue(extra("elsewhere"), "pub").await;

    reaches(db.client(), elsewhere, State::Running).await;
    let expected = Why::WouldOvertake {
        key: "inn".to_owned(),
        head,
        kind: Act::KIND.to_owned(),
    };
    let behind = Why::Behind {
        ahead: 1,
        or_more: false,
    };
    assert_eq!(why(db.client(), kept).await, [expected, behind]);
    gate.open(1);
    for id in [holds, elsewhere] {
        gate.open(1);
        ended(db.client(), id).await;
    }
    for id in [head, kept] {
        gate.open(1);
        assert_eq!(ended(db.client(), id).await.state, State::Completed);
    }
    drop(worker);
}
