//! Budgets of the fleet: two clients stand for two processes, each with purses of its own.

use std::time::Duration;

use engine::testing::Database;
use engine::{
    Actor, BudgetChange, BudgetRule, Client, Draw, Error, Permit, Reading, Reserved, Start,
};

pub(crate) const NOW: Duration = Duration::ZERO;
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// Five tokens an hour: what comes back in a test is nothing.
pub(crate) const HARDLY: f64 = 5.0 / 3600.0;

pub(crate) fn rule(key: &str, capacity: f64, refill_per_s: f64, start: Start) -> BudgetRule {
    BudgetRule {
        key: key.into(),
        capacity,
        refill_per_s,
        refill_ceiling_per_s: refill_per_s,
        start,
    }
}

pub(crate) fn draw(key: &str, cost: f64) -> Draw {
    Draw {
        key: key.into(),
        cost,
    }
}

async fn two_processes(db: &Database) -> (Client, Client) {
    let other = Client::connect(db.url(), 4).await.unwrap();
    (db.client().clone(), other)
}

pub(crate) async fn go(client: &Client, key: &str, cost: f64) -> Permit {
    match client.reserve(&[draw(key, cost)], SOON).await.unwrap() {
        Reserved::Go(permit) => permit,
        other => panic!("{cost} of {key}: {other:?}"),
    }
}

async fn wait(client: &Client, key: &str, cost: f64) -> Duration {
    match client.reserve(&[draw(key, cost)], NOW).await.unwrap() {
        Reserved::Wait(wait) => wait,
        other => panic!("{cost} of {key}: {other:?}"),
    }
}

#[tokio::test]
async fn all_processes_together_never_take_more_than_the_bucket_holds() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 100.0, HARDLY, Start::Full))
        .await
        .unwrap();

    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let client = [&one, &two][n % 2].clone();
        calls.spawn(async move { client.reserve(&[draw("k", 10.0)], SOON).await.unwrap() });
    }
    let answers = calls.join_all().await;

    let gone = answers.iter().filter(|a| matches!(a, Reserved::Go(_)));
    assert_eq!(gone.count(), 10);
}

#[tokio::test]
async fn several_budgets_give_all_or_nothing() {
    let db = Database::new().await;
    let client = db.client();
    for (key, capacity) in [("a", 100.0), ("b", 10.0)] {
        client
            .declare_budget(&rule(key, capacity, HARDLY, Start::Full))
            .await
            .unwrap();
    }

    let both = client
        .reserve(&[draw("b", 20.0), draw("a", 20.0)], NOW)
        .await;
    let a = client.budget("a").await.unwrap();
    let (dear, unknown) = (
        client
            .reserve(&[draw("b", 10.0), draw("a", 20.0)], NOW)
            .await,
        client.reserve(&[draw("c", 1.0)], NOW).await,
    );

    assert!(matches!(both.unwrap(), Reserved::Never));
    assert_eq!((a.tokens, a.leased), (Some(100.0), 0.0));
    assert!(matches!(dear.unwrap(), Reserved::Go(_)));
    assert!(matches!(unknown, Err(Error::NoSuch { what: "budget", .. })));
}

#[tokio::test]
async fn a_refusal_stops_every_process_and_halves_what_is_counted_on() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 100.0, 10.0, Start::Full))
        .await
        .unwrap();

    let permit = go(&one, "k", 10.0).await;
    let named = permit.refuse(None, Some(Duration::from_secs(60)));

    let mut budget = two.budget("k").await.unwrap();
    while budget.blocked_until.is_none() {
        budget = two.budget("k").await.unwrap();
    }
    let waits = wait(&two, "k", 1.0).await;
    assert_eq!(named, Duration::from_secs(60));
    assert!(
        waits > Duration::from_secs(60) && waits < Duration::from_secs(80),
        "{waits:?}"
    );
    assert_eq!(budget.refusals, 1);
    assert!((4.9..5.5).contains(&budget.refill_now_per_s), "{budget:?}");
}

#[tokio::test]
async fn one_call_goes_alone_until_a_reading_tells_the_level() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 100.0, HARDLY, Start::Unknown))
        .await
        .unwrap();

    let first = go(&one, "k", 10.0).await;
    let other = wait(&two, "k", 10.0).await;
    first.settle(Some(Reading {
        cost: 10.0,
        available: 25.0,
    }));
    let second = go(&two, "k", 10.0).await;

    assert!(other < Duration::from_secs(1), "{other:?}");
    let budget = one.budget("k").await.unwrap();
    assert!(budget.tokens.unwrap() < 15.1, "{budget:?}");
    drop(second);
}

#[tokio::test]
async fn a_lower_reading_is_believed_at_once_and_a_higher_one_when_nothing_is_under_way() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 1_000.0, HARDLY, Start::Full))
        .await
        .unwrap();
    let reading = |available| {
        Some(Reading {
            cost: 10.0,
            available,
        })
    };

    let other = go(&two, "k", 100.0).await;
    go(&one, "k", 10.0).await.settle(reading(300.0));
    let lowered = level_after(&one, 10.0).await;
    go(&one, "k", 10.0).await.settle(reading(800.0));
    let under_way = level_after(&one, 20.0).await;
    other.settle(None);
    two.close().await;
    go(&one, "k", 10.0).await.settle(reading(900.0));
    let raised = level_after(&one, 130.0).await;

    assert!((199.0..=200.5).contains(&lowered), "{lowered}");
    assert!(
        (699.0..=700.5).contains(&under_way),
        "less what another may spend: {under_way}"
    );
    // Less what the other spent since our last report: it may have come after the reading.
    assert!((799.0..=900.5).contains(&raised), "{raised}");
}

/// The level once the database has heard of so many tokens.
async fn level_after(client: &Client, spent: f64) -> f64 {
    loop {
        let budget = client.budget("k").await.unwrap();
        if budget.spent >= spent {
            return budget.tokens.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_not_spent_is_given_back_and_what_a_dead_process_held_is_not() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 100.0, HARDLY, Start::Full))
        .await
        .unwrap();
    let dead = go(&one, "k", 30.0).await;
    std::mem::forget(dead);

    go(&two, "k", 50.0).await.unsent();
    two.close().await;

    let budget = one.budget("k").await.unwrap();
    assert!((budget.tokens.unwrap() - 70.0).abs() < 0.1, "{budget:?}");
    assert_eq!(budget.leased, 30.0);
}

/// A reading of a slow call is older than the death of somebody who called after it.
#[tokio::test]
async fn what_a_dead_process_may_have_spent_raises_no_level() {
    let db = Database::new().await;
    let (one, two) = two_processes(&db).await;
    one.declare_budget(&rule("k", 1_000.0, HARDLY, Start::Full))
        .await
        .unwrap();
    let slow = go(&one, "k", 10.0).await;
    let dead = go(&two, "k", 100.0).await;
    std::mem::forget(dead);
    sqlx::query("update engine.budget_lease set lease_until = now() where tokens = 100")
        .execute(db.pool())
        .await
        .unwrap();

    slow.settle(Some(Reading {
        cost: 10.0,
        available: 990.0,
    }));

    let level = level_after(&one, 10.0).await;
    assert!(level <= 890.5, "{level}: the remote holds 890");
}

#[tokio::test]
async fn those_who_are_sent_away_each_get_a_turn_of_their_own() {
    let db = Database::new().await;
    let client = db.client();
    client
        .declare_budget(&rule("k", 10.0, 1.0, Start::Full))
        .await
        .unwrap();
    go(client, "k", 10.0).await.settle(None);

    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(wait(client, "k", 10.0).await.as_secs_f64());
    }

    for (wait, turn) in waits.iter().zip([10.0, 20.0, 30.0]) {
        assert!((wait - turn).abs() < 1.5, "{waits:?}");
    }
}

#[tokio::test]
async fn a_person_changes_a_budget_for_good_and_it_is_on_record() {
    let db = Database::new().await;
    let client = db.client();
    let rule = rule("k", 100.0, 1.0, Start::Full);
    client.declare_budget(&rule).await.unwrap();
    let change = BudgetChange {
        refill_per_s: Some(7.0),
        ..BudgetChange::default()
    };
    let actor = Actor::new("nok", "test");

    client
        .set_budget("k", &change, Some("a new plan"), &actor)
        .await
        .unwrap();
    client.declare_budget(&rule).await.unwrap();

    let budget = client.budget("k").await.unwrap();
    assert_eq!(
        (budget.refill_per_s, budget.source.as_str()),
        (7.0, "person")
    );
    let record = client.audit(Some("k"), 1).await.unwrap().remove(0);
    assert_eq!(
        (record.actor.as_str(), record.action.as_str()),
        ("nok", "budget.set")
    );
    assert_eq!(record.detail.unwrap()["reason"], "a new plan");
    let none = client.set_budget("none", &change, None, &actor).await;
    assert!(matches!(none, Err(Error::NoSuch { .. })));
}

#[tokio::test]
async fn only_the_budget_that_lacks_tokens_makes_a_caller_wait() {
    let db = Database::new().await;
    let client = db.client();
    for (key, refill_per_s) in [("minute", 1.0), ("day", HARDLY)] {
        client
            .declare_budget(&rule(key, 10.0, refill_per_s, Start::Full))
            .await
            .unwrap();
    }
    go(client, "minute", 10.0).await.settle(None);

    let both = [draw("minute", 1.0), draw("day", 1.0)];
    let answer = client.reserve(&both, NOW).await.unwrap();

    let Reserved::Wait(wait) = answer else {
        panic!("{answer:?}");
    };
    assert!(wait < Duration::from_secs(3), "{wait:?}");
}
