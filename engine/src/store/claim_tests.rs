//! Where a claim begins: behind what the one before it took of a key, or from the beginning. Which keys it finds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::claim::{Ask, Floor, Kinds, Look, Taken, claim};
use super::kind;
use crate::testing::Database;
use crate::{Limits, NewJob, Policy};

async fn take(db: &Database, kinds: &Kinds, limit: usize, floors: &[Floor<'_>]) -> Taken {
    take_below(db, "", kinds, limit, floors).await
}

async fn take_below(
    db: &Database,
    below: &str,
    kinds: &Kinds,
    limit: usize,
    floors: &[Floor<'_>],
) -> Taken {
    let look = Look::Fair {
        below,
        unkeyed: below.is_empty(),
        keys: limit.min(20),
        floors: floors.to_vec(),
    };
    let mut conn = db.pool().acquire().await.unwrap();
    look_for(&mut conn, kinds, limit, look).await
}

async fn look_for(conn: &mut PgConnection, kinds: &Kinds, limit: usize, look: Look<'_>) -> Taken {
    let ask = Ask {
        queue: "default",
        kinds,
        look,
        limit,
        nonce: 1,
        worker_id: Uuid::nil(),
        lease: Duration::from_secs(60),
    };
    claim(conn, &ask).await.unwrap()
}

fn names(taken: &Taken) -> Vec<&str> {
    taken.jobs.iter().map(|job| job.args.as_str()).collect()
}

/// Jobs of a key or without, of a kind with limits or without: what comes before a floor waits for a claim that has none.
#[tokio::test]
async fn a_claim_begins_at_the_floor_that_the_one_before_told() {
    for (key, per_partition) in [
        (None, None),
        (Some("acme"), None),
        (None, Some(100)),
        (Some("acme"), Some(100)),
    ] {
        let db = Database::new().await;
        let policy = Policy {
            limits: Limits {
                per_partition,
                ..Limits::default()
            },
            ..Policy::default()
        };
        let policies = [("test.act".to_owned(), policy)];
        let mut conn = db.pool().acquire().await.unwrap();
        kind::register(&mut conn, &policies).await.unwrap();
        let kinds = Kinds::of(&policies);
        let job = |name: &str| {
            let job = NewJob::new("test.act", &json!(name));
            match key {
                Some(key) => job.partition_key(key),
                None => job,
            }
        };
        for name in ["1", "2", "3"] {
            db.client().enqueue(job(name)).await.unwrap();
        }

        let first = take(&db, &kinds, 2, &[]).await;
        db.client()
            .enqueue(job("urgent").priority(-1))
            .await
            .unwrap();
        let behind = take(&db, &kinds, 2, &first.floors).await;
        let last = take(&db, &kinds, 2, &[]).await;

        let case = format!("{key:?}, {per_partition:?}");
        assert_eq!(names(&first), [r#""1""#, r#""2""#], "{case}");
        let of = (key.unwrap_or(""), per_partition.map_or("", |_| "test.act"));
        let told: Vec<_> = first.floors.iter().map(|f| (&*f.key, &*f.kind)).collect();
        assert_eq!(told, [of], "{case}");
        assert_eq!(names(&behind), [r#""3""#], "{case}");
        assert_eq!(names(&last), [r#""urgent""#], "{case}");
    }
}

#[tokio::test]
async fn a_time_that_rust_has_no_word_for_is_no_floor() {
    for never in ["-infinity", "infinity"] {
        let db = Database::new().await;
        let kinds = Kinds::of(&[("test.act".to_owned(), Policy::default())]);
        for key in ["a", "b"] {
            let job = NewJob::new("test.act", &json!(key)).partition_key(key);
            db.client().enqueue(job).await.unwrap();
        }
        sqlx::query(
            "update engine.pending set rank_at = $1::timestamptz where partition_key = 'b'",
        )
        .bind(never)
        .execute(db.pool())
        .await
        .unwrap();

        let taken = take(&db, &kinds, 10, &[]).await;

        assert_eq!(taken.jobs.len(), 2, "{never}");
        let told: Vec<_> = taken.floors.iter().map(|floor| &*floor.key).collect();
        assert_eq!(told, ["a"], "{never}");
    }
}

/// The floors of some keys hide no other key: some of theirs are gone, others are new.
#[tokio::test]
async fn a_round_finds_every_key_whichever_of_them_have_floors() {
    let db = Database::new().await;
    let kinds = Kinds::of(&[("test.act".to_owned(), Policy::default())]);
    let keys = ["a", "b", "c", "d", "e"];
    for told in 0..1_usize << keys.len() {
        for key in keys {
            let job = NewJob::new("test.act", &json!(key)).partition_key(key);
            db.client().enqueue(job).await.unwrap();
        }
        let known = keys
            .iter()
            .enumerate()
            .filter(|(nth, _)| told >> nth & 1 == 1);
        let gone = ["0", "cc", "f"].iter().take(told % 4);
        let floors: Vec<_> = known
            .map(|(_, key)| key)
            .chain(gone)
            .map(|key| Floor {
                key: (*key).into(),
                kind: "".into(),
                rank_at: jiff::Timestamp::UNIX_EPOCH,
            })
            .collect();

        let mut found = Vec::new();
        let mut below = Some(String::new());
        while let Some(key) = below {
            let taken = take_below(&db, &key, &kinds, 2, &floors).await;
            found.extend(names(&taken).into_iter().map(str::to_owned));
            assert!(
                taken.last_key.as_ref() != Some(&key),
                "it goes on: {floors:?}"
            );
            below = taken.last_key;
        }

        found.sort();
        assert_eq!(found, keys.map(|key| json!(key).to_string()), "{floors:?}");
    }
}

/// Jobs of a kind without limits, beside one with limits or not: the shares of the keys, and of the jobs without one, are the
/// whole of what is asked for, and none is larger than another by more than one job.
#[tokio::test]
async fn the_shares_of_a_claim_are_all_that_it_asked_for() {
    let limits = Limits {
        running: Some(5),
        ..Limits::default()
    };
    let free = ("test.act".to_owned(), Policy::default());
    let held = (
        "test.held".to_owned(),
        Policy {
            limits,
            ..Policy::default()
        },
    );
    let beside = [
        Kinds::of(std::slice::from_ref(&free)),
        Kinds::of(&[free, held]),
    ];
    for unkeyed in [false, true] {
        let db = Database::new().await;
        let keys = [None, Some("a"), Some("b"), Some("c"), Some("d")];
        for key in keys.iter().filter(|key| unkeyed || key.is_some()) {
            let jobs: Vec<_> = (0..15).map(|_| job_of(*key)).collect();
            db.client().enqueue_all(&jobs).await.unwrap();
        }
        for (kinds, limit, most) in beside.iter().flat_map(|kinds| {
            let limits = [1, 2, 3, 5, 7, 12, 13].into_iter();
            limits.flat_map(move |limit| [1, 3, 20].map(|most| (kinds, limit, most)))
        }) {
            let mut undone = db.pool().begin().await.unwrap();
            let keys = limit.min(most);
            let look = Look::Fair {
                below: "",
                unkeyed: true,
                keys,
                floors: Vec::new(),
            };

            let taken = look_for(&mut undone, kinds, limit, look).await;
            undone.rollback().await.unwrap();

            let case = format!("{limit} of {keys} keys, {unkeyed}, {kinds:?}");
            assert_eq!(taken.jobs.len(), limit, "{case}");
            let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
            for name in names(&taken) {
                *shares.entry(name).or_default() += 1;
            }
            let turns = keys.min(4 + usize::from(unkeyed));
            assert_eq!(shares.len(), turns, "{case}: {shares:?}");
            assert_eq!(shares.contains_key("null"), unkeyed, "{case}: {shares:?}");
            let (least, most) = (shares.values().min(), shares.values().max());
            assert!(most.unwrap() - least.unwrap() <= 1, "{case}: {shares:?}");
        }
    }
}

/// Jobs without a key that have their turn and may not run leave it to those that have one.
#[tokio::test]
async fn a_turn_that_nothing_takes_goes_to_the_keys() {
    let held = Limits {
        running: Some(5),
        ..Limits::default()
    };
    let held = Policy {
        limits: held,
        ..Policy::default()
    };
    let free = ("test.act".to_owned(), Policy::default());
    let db = Database::new().await;
    let unknown = NewJob::new("test.unknown", &json!(null));
    let jobs: Vec<_> = (0..15).map(|_| job_of(Some("a"))).collect();
    db.client().enqueue_all(&[unknown]).await.unwrap();
    db.client().enqueue_all(&jobs).await.unwrap();
    for kinds in [
        Kinds::of(std::slice::from_ref(&free)),
        Kinds::of(&[free, ("test.held".to_owned(), held)]),
    ] {
        let look = Look::Fair {
            below: "",
            unkeyed: true,
            keys: 8,
            floors: Vec::new(),
        };
        let mut undone = db.pool().begin().await.unwrap();

        let taken = look_for(&mut undone, &kinds, 12, look).await;
        undone.rollback().await.unwrap();

        assert_eq!(names(&taken), [r#""a""#; 12], "{kinds:?}");
    }
}

/// A job that is called as its key.
fn job_of(key: Option<&str>) -> NewJob {
    let job = NewJob::new("test.act", &json!(key));
    match key {
        Some(key) => job.partition_key(key),
        None => job,
    }
}
