//! Pauses of queues and kinds, and the audit trail.

use engine::testing::Database;
use engine::{NewJob, PauseScope};

use crate::support::*;

#[tokio::test]
async fn every_worker_obeys_a_pause_until_it_is_resumed() {
    for (scope, name) in [
        (PauseScope::Queue, "default"),
        (PauseScope::Kind, "test.act"),
    ] {
        let db = Database::new().await;
        let workers = [
            elsewhere(&db, done(), quick()).await,
            elsewhere(&db, done(), quick()).await,
        ];
        assert!(
            db.client()
                .pause(scope, name, &somebody(), Some("upgrade"))
                .await
                .unwrap()
        );
        assert!(
            !db.client()
                .pause(scope, name, &somebody(), None)
                .await
                .unwrap()
        );

        let held: Vec<NewJob> = (0..20).map(|n| act(&n.to_string())).collect();
        db.client().enqueue_all(&held).await.unwrap();
        let free = NewJob::of(&Extra {
            name: "free".into(),
        });
        let free = if scope == PauseScope::Kind {
            Some(db.client().enqueue(free).await.unwrap().id)
        } else {
            None
        };
        if let Some(free) = free {
            ended(db.client(), free).await;
        }
        tokio::time::sleep(quick().poll * 4).await;

        assert_eq!(
            number(&db, "select count(*) from engine.pending").await,
            20,
            "{scope:?}"
        );
        let pause = db.client().pauses(scope).await.unwrap().remove(0);
        assert_eq!(
            (pause.paused_by.as_str(), pause.reason.as_deref()),
            ("ada", Some("upgrade"))
        );
        assert!(db.client().resume(scope, name, &somebody()).await.unwrap());
        assert!(!db.client().resume(scope, name, &somebody()).await.unwrap());
        for job in &held {
            ended(db.client(), job.id()).await;
        }
        let actions: Vec<_> = db
            .client()
            .audit(Some(name), 10)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.action)
            .collect();
        let word = if scope == PauseScope::Queue {
            "queue"
        } else {
            "kind"
        };
        assert_eq!(actions, [format!("{word}.resume"), format!("{word}.pause")]);
        for worker in workers {
            worker.stop().await;
        }
    }
}

#[tokio::test]
async fn the_audit_trail_is_only_ever_added_to() {
    let db = Database::new().await;
    db.client()
        .record_audit(&somebody(), "test.act", "x", None)
        .await
        .unwrap();

    for sql in [
        "update engine.audit set actor = 'eve'",
        "delete from engine.audit",
        "truncate engine.audit",
    ] {
        let refused = sqlx::query(sql).execute(db.pool()).await;

        assert!(refused.is_err(), "{sql}");
    }
    let rows = db.client().audit(None, 10).await.unwrap();
    assert_eq!(
        (rows.len(), rows[0].actor.as_str(), rows[0].via.as_str()),
        (1, "ada", "test")
    );
}
