//! Where a claim begins: behind what the one before it took of a key, or from the beginning. Which keys it finds.

use std::time::Duration;

use serde_json::json;
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
    let ask = Ask {
        queue: "default",
        kinds,
        look: Look::Fair {
            below,
            unkeyed: below.is_empty(),
            floors: floors.to_vec(),
        },
        limit,
        nonce: 1,
        worker_id: Uuid::nil(),
        lease: Duration::from_secs(60),
    };
    let mut conn = db.pool().acquire().await.unwrap();
    claim(&mut conn, &ask).await.unwrap()
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
