//! What a look for lost leases tells of those that hold.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::claim::{Ask, Kinds, Look, claim};
use super::rescue::rescue;
use crate::testing::Database;
use crate::{NewJob, Policy};

const LEASE: Duration = Duration::from_secs(60);

/// Begins a job of each queue; its lease ends so many seconds from now.
async fn begin(db: &Database, ends: &[(&str, i32)]) {
    let mut conn = db.pool().acquire().await.unwrap();
    for (queue, seconds) in ends {
        let job = NewJob::new("test.act", &json!({})).queue(*queue);
        db.client().enqueue(job).await.unwrap();
        let ask = Ask {
            queue,
            kinds: &Kinds::of(&[("test.act".to_owned(), Policy::default())]),
            look: Look::Plain {
                from: None,
                asks_fair: true,
            },
            limit: 1,
            nonce: 1,
            worker_id: Uuid::nil(),
            lease: LEASE,
        };
        assert_eq!(claim(&mut conn, &ask).await.unwrap().jobs.len(), 1);
        sqlx::query(
            "update engine.running set lease_until = now() + make_interval(secs => $2) where queue = $1",
        )
        .bind(queue)
        .bind(f64::from(*seconds))
        .execute(&mut *conn)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_look_tells_when_the_first_of_the_other_leases_ends() {
    let db = Database::new().await;
    let mut conn = db.pool().acquire().await.unwrap();
    assert_eq!(rescue(&mut conn).await.unwrap().next, None, "nothing runs");

    begin(&db, &[("lost", -1), ("soon", 1_000), ("late", 2_000)]).await;
    let look = rescue(&mut conn).await.unwrap();

    let queues: Vec<_> = look.rescued.iter().map(|job| &*job.queue).collect();
    assert_eq!(queues, ["lost"]);
    let next = look.next.unwrap();
    assert!(
        next > LEASE && next <= Duration::from_secs(1_000),
        "{next:?}"
    );
    let look = rescue(&mut conn).await.unwrap();
    assert!(look.rescued.is_empty() && look.next.unwrap() > LEASE);
}

#[tokio::test]
async fn a_lost_job_that_somebody_holds_is_overdue() {
    let db = Database::new().await;
    begin(&db, &[("held", -1), ("late", 2_000)]).await;
    let mut holder = db.pool().begin().await.unwrap();
    sqlx::query("select from engine.running where queue = 'held' for update")
        .execute(&mut *holder)
        .await
        .unwrap();
    let mut conn = db.pool().acquire().await.unwrap();

    let held = rescue(&mut conn).await.unwrap();
    holder.rollback().await.unwrap();
    let free = rescue(&mut conn).await.unwrap();

    assert_eq!((held.rescued.len(), held.next), (0, Some(Duration::ZERO)));
    assert_eq!(free.rescued.len(), 1);
    assert!(free.next.unwrap() > LEASE);
}
