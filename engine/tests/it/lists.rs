//! Lists: which jobs a filter means, page by page, and what a page may cost.

use std::time::Duration;

use engine::testing::Database;
use engine::{Actor, Client, Error, Failure, Filter, JobQuery, NewJob, Outcome, Seed, State, When};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::support::*;

const LONG: Duration = Duration::from_secs(60);

/// The names of the jobs that meet a filter, in the list's order.
async fn named(client: &Client, filter: &str) -> Vec<String> {
    let query = JobQuery {
        limit: Some(500),
        ..Filter::parse(filter).unwrap().into()
    };
    let page = client.jobs(query).await.unwrap();
    assert_eq!(page.next, None, "{filter}");
    page.data
        .into_iter()
        .map(|job| job.args["name"].as_str().unwrap_or("-").to_owned())
        .collect()
}

/// One job in every state and label, each with something to find it by.
async fn a_job_of_every_sort(db: &Database) -> Vec<Uuid> {
    let client = db.client();
    let parent = act("parent");
    let jobs = vec![
        act("done").tag("vip").tag("eu"),
        act("dead"),
        act("retrying").queue("slow"),
        act("cancelled"),
        NewJob::new(
            "test.extra",
            &json!({"name": "extra", "company": {"id": 991}}),
        ),
        NewJob::new(
            "test.extra",
            &json!({"name": "text", "company": {"id": "991"}}),
        ),
        act("child").parent(parent.id()),
        parent,
    ];
    let mut ids: Vec<_> = jobs.iter().map(NewJob::id).collect();
    let cancelled = jobs[3].id();
    client.enqueue_all(&jobs).await.unwrap();
    client.cancel(cancelled, &somebody(), "no").await.unwrap();
    let registry = playing(|name, _| async move {
        match name.as_str() {
            "dead" => {
                Err(Failure::new("http_401", "answered 401 to 100%").again(engine::Again::Never))
            }
            "retrying" => Err(Failure::new("timeout", "took too long")
                .again(engine::Again::After(std::time::Duration::from_secs(3_600)))),
            _ => Ok(Outcome::done()),
        }
    });
    let mut options = quick();
    options.queues.push(engine::QueueOptions::new("slow", 1));
    let worker = elsewhere(db, registry, options).await;
    until("all have been tried", || async {
        number(db, "select count(*) from engine.ended").await == 7
            && number(db, "select count(*) from engine.attempt").await == 1
    })
    .await;
    worker.stop().await;
    let later = act("scheduled").when(When::After(std::time::Duration::from_secs(3_600)));
    let ready = act("ready").priority(7);
    for job in [later, ready] {
        ids.push(job.id());
        client.enqueue(job).await.unwrap();
    }
    ids
}

#[tokio::test]
async fn every_term_finds_its_jobs_and_no_others() {
    let db = Database::new().await;
    let ids = a_job_of_every_sort(&db).await;
    let parent = ids[7];

    let cases = [
        ("state:dead", vec!["dead"]),
        ("state:cancelled", vec!["cancelled"]),
        ("state:retrying", vec!["retrying"]),
        ("state:scheduled", vec!["scheduled"]),
        ("state:available", vec!["ready", "scheduled", "retrying"]),
        ("state:available -state:scheduled,retrying", vec!["ready"]),
        ("state:running", vec![]),
        ("state:dead state:running", vec![]),
        ("state:dead,retrying", vec!["retrying", "dead"]),
        ("-state:completed,available", vec!["cancelled", "dead"]),
        ("kind:test.extra", vec!["text", "extra"]),
        ("kind:test.e*", vec!["text", "extra"]),
        ("kind:tes_.extra", vec![]),
        ("kind:test.* state:dead", vec!["dead"]),
        ("queue:slow", vec!["retrying"]),
        ("tag:vip", vec!["done"]),
        ("tag:no,eu", vec!["done"]),
        (
            "state:completed -tag:vip kind:test.act",
            vec!["parent", "child"],
        ),
        ("code:http_401", vec!["dead"]),
        ("code:timeout", vec![]),
        ("code:timeout state:retrying", vec!["retrying"]),
        ("error:\"ANSWERED 401\"", vec!["dead"]),
        ("error:\"100%\"", vec!["dead"]),
        ("error:\"1_0%\"", vec![]),
        ("args.company.id:991", vec!["text", "extra"]),
        ("args.name:dead,ready", vec!["ready", "dead"]),
        ("attempt>0 state:retrying", vec!["retrying"]),
        ("failed:0 priority>=7", vec!["ready"]),
        ("age>1h", vec![]),
        ("age<1h state:dead", vec!["dead"]),
        ("ended<1h -state:completed", vec!["cancelled", "dead"]),
        ("ended>1h", vec![]),
    ];
    for (filter, names) in cases {
        let mut found = named(db.client(), filter).await;
        let mut expected = names.clone();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    }
    let of_parent = named(db.client(), &format!("parent:{parent}")).await;
    assert_eq!(of_parent, ["child"]);
    let by_id = named(db.client(), &format!("id:{parent},{parent}")).await;
    assert_eq!(by_id, ["parent"]);
    assert_eq!(named(db.client(), "").await.len(), ids.len());
}

#[tokio::test]
async fn a_search_goes_on_until_it_has_found_what_there_is() {
    let db = Database::new().await;
    let rare = act("rare").tag("rare");
    db.client().enqueue(rare.clone()).await.unwrap();
    let common: Vec<_> = (0..12_000).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&common).await.unwrap();
    let query = Filter::parse("tag:rare").unwrap();

    let found = db.client().search(query.clone(), LONG).await.unwrap();
    let hasty = db.client().search(query, Duration::ZERO).await.unwrap();

    assert_eq!(found.data.len(), 1);
    assert_eq!(found.data.first().map(|job| job.id), Some(rare.id()));
    assert!(found.next.is_none() && found.searched.is_none());
    // Where it stopped is known, if it did.
    assert_eq!(hasty.searched.is_some(), hasty.next.is_some());
    assert_eq!(hasty.data.is_empty(), hasty.searched.is_some());
}

#[tokio::test]
async fn pages_hold_every_job_once_whatever_the_order() {
    let db = Database::new().await;
    let jobs: Vec<_> = (0..25).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    for job in jobs.iter().step_by(2) {
        db.client()
            .cancel(job.id(), &somebody(), "no")
            .await
            .unwrap();
    }

    for (filter, count) in [
        ("", 25),
        ("state:cancelled", 13),
        ("state:available", 12),
        ("state:available,cancelled", 25),
    ] {
        let mut seen = Vec::new();
        let mut query = JobQuery {
            limit: Some(4),
            ..Filter::parse(filter).unwrap().into()
        };
        loop {
            let page = db.client().jobs(query.clone()).await.unwrap();
            assert!(page.data.len() <= 4 && page.searched.is_none());
            seen.extend(page.data.iter().map(|job| job.id));
            // A cursor goes through text, as callers send it.
            query.before = page.next.map(|next| next.to_string().parse().unwrap());
            if query.before.is_none() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "{filter}");
    }
}

#[tokio::test]
async fn dead_letters_are_listed_by_the_time_of_their_death() {
    let db = Database::new().await;
    let (first, second) = (act("first"), act("second"));
    let ids = [first.id(), second.id()];
    db.client().enqueue_all(&[first, second]).await.unwrap();

    for id in ids.iter().rev() {
        db.client().cancel(*id, &somebody(), "no").await.unwrap();
    }

    assert_eq!(
        named(db.client(), "state:cancelled").await,
        ["first", "second"]
    );
    assert_eq!(named(db.client(), "").await, ["second", "first"]);
}

#[tokio::test]
async fn a_place_of_another_list_is_refused() {
    let db = Database::new().await;
    db.client()
        .enqueue_all(&[act("a"), act("b")])
        .await
        .unwrap();
    let page = JobQuery {
        limit: Some(1),
        ..JobQuery::default()
    };
    let before = db.client().jobs(page).await.unwrap().next;
    assert!(before.is_some());

    let wrong = JobQuery {
        before,
        ..Filter::new().state(State::Dead).into()
    };

    assert!(matches!(
        db.client().jobs(wrong).await,
        Err(Error::Invalid(_))
    ));
}

#[tokio::test]
async fn a_list_that_takes_too_long_says_what_would_help() {
    let db = Database::new().await;
    let mut holder = db.pool().begin().await.unwrap();
    sqlx::raw_sql("lock table engine.job in access exclusive mode")
        .execute(&mut *holder)
        .await
        .unwrap();

    let answer = another_client(&db).await.jobs(Filter::new()).await;

    let Err(Error::TooBroad { seconds, help }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(seconds, 3);
    assert!(help.starts_with("narrow the filter by"), "{help}");
    holder.rollback().await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_job_waits_on_while_its_table_is_locked() {
    let db = Database::new().await;
    let job = NewJob::new("test.act", &json!({}));
    let id = db.client().enqueue(job).await.unwrap().id;
    let mut holder = db.pool().begin().await.unwrap();
    sqlx::raw_sql("lock table engine.job, engine.ended in access exclusive mode")
        .execute(&mut *holder)
        .await
        .unwrap();

    let client = db.client().clone();
    let waiting = tokio::spawn(async move { client.wait(id, LONG).await });
    // Each is given up after three seconds, and so is the look of the one who waits.
    for _ in 0..2 {
        let shown = db.client().job(id).await;
        assert!(shown.is_err_and(|error| error.is_unavailable()));
    }
    holder.rollback().await.unwrap();
    let actor = Actor::new("nok", "test");
    db.client().cancel(id, &actor, "over").await.unwrap();

    assert_eq!(waiting.await.unwrap().unwrap(), State::Cancelled);
}

/// Rows and entries of indexes of the audit trail that this connection has read so far.
async fn read_so_far(pool: &PgPool) -> i64 {
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query_scalar(
        "select (t.seq_tup_read + (select sum(i.idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid))::bigint \
         from pg_stat_user_tables t where t.schemaname = 'engine' and t.relname = 'audit'",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_audit_trail_of_a_job_is_found_by_it_also_after_many_pages_of_all() {
    let db = Database::new().await;
    let seed = Seed {
        audit: 20_000,
        ..Seed::default()
    };
    db.client().seed_for_bench(seed).await.unwrap();
    let options = (*db.pool().connect_options()).clone();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options);
    let pool = pool.await.unwrap();
    let client = Client::from_pool(pool.clone());
    for _ in 0..8 {
        let page = client.audit_page(None, None, 50).await.unwrap();
        assert_eq!(page.data.len(), 50);
    }

    for _ in 0..3 {
        let before = read_so_far(&pool).await;
        let page = client.audit_page(Some("job 7"), None, 50).await.unwrap();
        let read = read_so_far(&pool).await - before;

        assert_eq!(page.data.len(), 2);
        assert!(read <= 10, "{read} read");
    }
}
