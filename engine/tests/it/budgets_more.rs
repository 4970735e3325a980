//! Budgets: how the refill comes back, what several at once take, and how often the database is asked.

use std::time::Duration;

use engine::testing::Database;
use engine::{Reserved, Start};

use crate::budgets::{HARDLY, NOW, draw, go, rule};
use crate::support::*;

#[tokio::test]
async fn after_a_refusal_the_refill_counts_half_and_creeps_back_in_five_minutes() {
    let db = Database::new().await;
    let client = db.client();
    client
        .declare_budget(&rule("k", 100.0, 10.0, Start::Full))
        .await
        .unwrap();
    go(client, "k", 10.0)
        .await
        .refuse(None, Some(Duration::from_millis(1)));
    until_count(
        &db,
        "the refusal is booked",
        "select refusals from engine.budget",
        1,
    )
    .await;
    let now = || async { client.budget("k").await.unwrap().refill_now_per_s };

    let at_first = now().await;
    let mut later = Vec::new();
    for left in [150, 75, 0] {
        // As if so many seconds of it were left.
        sqlx::query("update engine.budget set slowed_until = now() + $1 * interval '1 second'")
            .bind(left)
            .execute(db.pool())
            .await
            .unwrap();
        later.push(now().await);
    }

    assert!((5.0..5.5).contains(&at_first), "{at_first}");
    assert!((7.5..7.8).contains(&later[0]), "{later:?}");
    assert!((8.75..9.05).contains(&later[1]), "{later:?}");
    assert!((later[2] - 10.0).abs() < 1e-9, "{later:?}");
}

#[tokio::test]
async fn a_budget_keeps_all_of_its_tokens_while_another_has_too_few() {
    let db = Database::new().await;
    let client = db.client();
    for (key, capacity) in [("a", 100.0), ("b", 10.0), ("c", 100.0)] {
        client
            .declare_budget(&rule(key, capacity, HARDLY, Start::Full))
            .await
            .unwrap();
    }
    go(client, "b", 8.0).await.settle(None);

    let all = [draw("a", 20.0), draw("b", 5.0), draw("c", 20.0)];
    let answer = client.reserve(&all, NOW).await.unwrap();

    assert!(matches!(answer, Reserved::Wait(_)), "{answer:?}");
    for key in ["a", "c"] {
        let kept = client.budget(key).await.unwrap();
        assert_eq!((kept.tokens, kept.leased), (Some(100.0), 0.0), "{key}");
    }
    let queued = "select count(*) from engine.budget where queued_until is not null";
    assert_eq!(number(&db, queued).await, 1, "who has enough has no line");
    let others = [draw("a", 20.0), draw("c", 20.0)];
    let answer = client.reserve(&others, NOW).await.unwrap();
    assert!(matches!(answer, Reserved::Go(_)), "{answer:?}");
}

#[tokio::test]
async fn a_hundred_calls_at_once_ask_the_database_a_few_times() {
    let db = Database::new().await;
    let client = db.client();
    client
        .declare_budget(&rule("k", 1_000.0, 1_000.0, Start::Full))
        .await
        .unwrap();
    // Each time tokens are given they go into a lease.
    for sql in [
        "create sequence public.asked",
        "create function public.note() returns trigger language plpgsql as \
         'begin perform nextval(''public.asked''); return new; end'",
        "create trigger note before insert on engine.budget_lease for each row execute function public.note()",
    ] {
        meddle(&db, sql).await;
    }

    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        let patience = Duration::from_secs(30);
        calls.spawn(async move { client.reserve(&[draw("k", 1.0)], patience).await.unwrap() });
    }
    let answers = calls.join_all().await;

    let gone = answers.iter().filter(|it| matches!(it, Reserved::Go(_)));
    assert_eq!(gone.count(), 100);
    let asked = number(&db, "select last_value from public.asked").await;
    assert!(asked <= 10, "asked {asked} times");
}

/// The reading of a slow call is older than what another process spent before it lost its lease and took new
/// tokens.
#[tokio::test]
async fn what_a_holder_let_run_out_counts_as_spent_when_it_takes_more() {
    let db = Database::new().await;
    db.client()
        .declare_budget(&rule("k", 1_000.0, HARDLY, Start::Full))
        .await
        .unwrap();
    let take = "select count(*) from engine.reserve_tokens(0::smallint, $1, '{k}', array[$2], array[$2], 0, 60000)";
    let (slow, stood_still) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    for (holder, cost) in [(slow, 10.0), (stood_still, 100.0)] {
        let taken = sqlx::query(take).bind(holder).bind(cost);
        taken.execute(db.pool()).await.unwrap();
    }
    meddle(
        &db,
        "update engine.budget_lease set lease_until = now() where tokens = 100",
    )
    .await;

    let more = sqlx::query(take).bind(stood_still).bind(10.0);
    more.execute(db.pool()).await.unwrap();
    let told = "select spent from engine.report_tokens(0::smallint, $1, 'k', 60000, 0, 10, 0, false, 990, 10, 0, 0)";
    let spent: f64 = sqlx::query_scalar(told)
        .bind(slow)
        .fetch_one(db.pool())
        .await
        .unwrap();

    let level = db.client().budget("k").await.unwrap().tokens.unwrap();
    assert!(level <= 880.5, "{level}: the remote may hold 880");
    assert!((spent - 110.0).abs() < 1e-9, "{spent}");
}
