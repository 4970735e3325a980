//! Where claims look, as tables.

use super::*;
use crate::store::claim::tests::taken;

/// What a look from the beginning costs.
const DEAR: Duration = Duration::from_millis(400);

async fn learn(looker: &mut Looker, taken: &Taken, cost: Duration) -> bool {
    let began = Instant::now();
    tokio::time::advance(cost).await;
    looker.drained(taken, 10, began)
}

/// The last claim of a round over the keys that took so many jobs of one of them.
fn of_a_key(jobs: usize, from: i64) -> Taken {
    let taken = taken(jobs, from);
    let floor = taken.last.map(|place| Floor {
        key: "acme".into(),
        kind: "test.act".into(),
        rank_at: place.rank_at,
    });
    Taken {
        floors: floor.into_iter().collect(),
        last: None,
        saw_fair: true,
        ..taken
    }
}

/// The keys that are looked at from a floor on.
fn floors(look: &Look<'_>) -> Vec<String> {
    match look {
        Look::Plain { .. } => panic!("a fair look"),
        Look::Fair { floors, .. } => floors.iter().map(|floor| floor.key.to_string()).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn rounds_begin_behind_what_was_claimed_and_now_and_then_from_the_beginning() {
    let mut looker = Looker::new(true);
    let short = Duration::from_millis(2);
    learn(&mut looker, &of_a_key(0, 0), short).await;

    assert_eq!(floors(&looker.look(10)), [""; 0], "it knows of nothing yet");
    learn(&mut looker, &of_a_key(10, 0), short).await;
    assert_eq!(floors(&looker.look(10)), ["", "acme"]);
    learn(&mut looker, &of_a_key(10, 10), short).await;
    tokio::time::advance(ROUND_AHEAD).await;
    assert_eq!(
        floors(&looker.look(10)),
        [""; 0],
        "others may have come ahead"
    );
    learn(&mut looker, &of_a_key(10, 20), DEAR).await;
    tokio::time::advance(ROUND_AHEAD).await;
    assert_eq!(floors(&looker.look(10)), ["", "acme"], "it was dear");
    learn(&mut looker, &of_a_key(10, 30), short).await;
    tokio::time::advance(LONGEST).await;
    assert_eq!(floors(&looker.look(10)), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn far_from_the_database_all_rounds_are_alike_and_none_is_dear() {
    let mut looker = Looker::new(true);
    for _ in 0..3 {
        looker.look(10);
        learn(&mut looker, &of_a_key(10, 0), DEAR).await;
    }

    assert_eq!(floors(&looker.look(10)), [""; 0]);
    learn(&mut looker, &of_a_key(10, 0), DEAR).await;
    tokio::time::advance(ROUND_AHEAD).await;
    assert_eq!(floors(&looker.look(10)), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn only_a_round_from_the_beginning_tells_that_there_is_nothing() {
    let mut looker = Looker::new(true);
    let short = Duration::from_millis(2);
    for jobs in [0, 10] {
        looker.look(10);
        learn(&mut looker, &of_a_key(jobs, 0), short).await;
    }

    assert_ne!(floors(&looker.look(10)), [""; 0]);
    assert!(!learn(&mut looker, &of_a_key(0, 0), short).await);
    assert_eq!(floors(&looker.look(10)), [""; 0]);
    assert!(learn(&mut looker, &of_a_key(0, 0), short).await);
}

/// A claim for one job that takes one without a key looks at no key, and has to look for them below none.
#[tokio::test(start_paused = true)]
async fn a_round_begins_once_though_its_first_claim_has_seen_no_key() {
    let mut looker = Looker::new(true);
    let short = Duration::from_millis(2);
    learn(&mut looker, &of_a_key(0, 0), short).await;
    looker.look(10);
    let turn_of_the_unkeyed = Taken {
        last_key: Some(String::new()),
        ..of_a_key(1, 0)
    };
    learn(&mut looker, &turn_of_the_unkeyed, short).await;

    looker.look(10);
    assert!(!learn(&mut looker, &of_a_key(0, 0), short).await);
    assert_eq!(floors(&looker.look(10)), ["", "acme"], "it found some");
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_which_each_key_gave_one_job_is_followed_by_one_over_more_keys() {
    let mut looker = Looker::new(true);
    learn(&mut looker, &of_a_key(0, 0), Duration::from_millis(2)).await;
    let keys = |look: Look<'_>| match look {
        Look::Plain { .. } => panic!("a fair look"),
        Look::Fair { keys, .. } => keys,
    };
    assert_eq!(keys(looker.look(500)), 12);
    let one_of_each = Taken {
        last_key: Some("acme".to_owned()),
        ..of_a_key(12, 0)
    };

    looker.drained(&one_of_each, 500, Instant::now());

    assert_eq!(keys(looker.look(500)), 48);
}

fn place(look: &Look<'_>) -> Option<Place> {
    match look {
        Look::Plain { from, .. } => *from,
        Look::Fair { .. } => panic!("a plain look"),
    }
}

#[tokio::test(start_paused = true)]
async fn while_looks_are_cheap_each_is_from_the_beginning_but_through_a_backlog() {
    let mut looker = Looker::new(true);

    for (jobs, drained) in [(3, true), (0, true), (10, false)] {
        assert_eq!(place(&looker.look(10)), None);
        let cost = Duration::from_millis(2);
        assert_eq!(learn(&mut looker, &taken(jobs, 0), cost).await, drained);
    }
    assert_eq!(place(&looker.look(10)), taken(10, 0).last);
    assert!(!learn(&mut looker, &taken(2, 10), Duration::from_millis(2)).await);
    assert_eq!(
        place(&looker.look(10)),
        None,
        "others may have come ahead of it"
    );
    assert_eq!(looker.may_wait(), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_dear_look_from_the_beginning_is_seldom_and_no_job_waits_for_it_for_ever() {
    let mut looker = Looker::new(true);
    for _ in 0..2 {
        assert_eq!(place(&looker.look(10)), None);
        assert!(learn(&mut looker, &taken(3, 0), DEAR).await);
    }

    for (jobs, at) in [(3, 0), (0, 5), (2, 6)] {
        assert_ne!(place(&looker.look(10)), None);
        let taken = taken(jobs, at);
        assert!(learn(&mut looker, &taken, Duration::from_millis(1)).await);
        assert_eq!(place(&looker.look(10)), taken.just_now());
    }
    let wait = looker.may_wait();
    assert!(wait > LONGEST / 2 && wait <= LONGEST, "{wait:?}");
    tokio::time::advance(wait).await;
    assert_eq!(place(&looker.look(10)), None);
    // Nobody holds the snapshot any more.
    assert!(learn(&mut looker, &taken(0, 0), Duration::from_millis(1)).await);
    assert_eq!(place(&looker.look(10)), None);
}

#[tokio::test(start_paused = true)]
async fn one_slow_look_may_be_the_machine() {
    let mut looker = Looker::new(true);
    looker.look(10);
    learn(&mut looker, &taken(3, 0), DEAR).await;

    assert_eq!(place(&looker.look(10)), None);
    assert_eq!(looker.may_wait(), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn far_from_the_database_all_looks_are_alike_and_none_is_dear() {
    let far = Duration::from_millis(50);
    let mut looker = Looker::new(true);
    for _ in 0..3 {
        looker.look(10);
        learn(&mut looker, &taken(0, 0), far).await;
    }

    assert_eq!(place(&looker.look(10)), None);
    assert_eq!(looker.may_wait(), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_full_claim_from_the_beginning_goes_on_behind_what_it_took() {
    let mut looker = Looker::new(true);
    for _ in 0..2 {
        looker.look(10);
        learn(&mut looker, &taken(3, 100), DEAR).await;
    }
    tokio::time::advance(looker.may_wait()).await;

    looker.look(10);
    let fresh = taken(10, 0);
    let old = Taken {
        asked_at: taken(1, 60).asked_at,
        ..taken(10, 10)
    };
    assert!(!learn(&mut looker, &fresh, DEAR).await);
    assert_eq!(
        place(&looker.look(10)),
        fresh.just_now(),
        "ahead of the place before"
    );
    assert!(!learn(&mut looker, &old, Duration::from_millis(1)).await);

    assert_eq!(place(&looker.look(10)), old.last);
}

fn asks_fair(look: &Look<'_>) -> bool {
    match look {
        Look::Plain { asks_fair, .. } => *asks_fair,
        Look::Fair { .. } => panic!("a plain look"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_asks_for_jobs_of_fair_looks_now_and_then_and_whoever_has_none_each_time() {
    let mut looker = Looker::new(false);
    let short = Duration::from_millis(2);
    for jobs in [0, 3, 10] {
        assert!(asks_fair(&looker.look(10)));
        learn(&mut looker, &taken(jobs, 0), short).await;
    }
    assert!(!asks_fair(&looker.look(10)), "it has just asked");
    learn(&mut looker, &taken(10, 10), short).await;
    let dear = Duration::from_millis(22);
    tokio::time::advance(AHEAD).await;
    assert!(asks_fair(&looker.look(10)));
    learn(&mut looker, &taken(10, 20), dear).await;
    tokio::time::advance(AHEAD).await;
    assert_eq!(place(&looker.look(10)), None);
    learn(&mut looker, &taken(10, 30), short).await;
    assert!(asks_fair(&looker.look(10)), "one may be the machine");
    learn(&mut looker, &taken(10, 40), dear).await;
    tokio::time::advance((dear - short) * SHARE - short * 2).await;
    assert_eq!(place(&looker.look(10)), None);
    learn(&mut looker, &taken(10, 50), short).await;
    assert!(!asks_fair(&looker.look(10)), "both were dear");
    learn(&mut looker, &taken(10, 60), short).await;
    assert!(asks_fair(&looker.look(10)));
    learn(&mut looker, &taken(10, 70), short).await;

    assert!(!asks_fair(&looker.look(10)));
    let drained = learn(&mut looker, &taken(2, 80), short).await;

    assert!(!drained, "it has not asked for others");
    assert!(asks_fair(&looker.look(10)));
}

#[tokio::test(start_paused = true)]
async fn slow_claims_of_a_backlog_ask_and_begin_anew_in_turn_and_very_slow_ones_do_both() {
    let mut looker = Looker::new(true);
    looker.look(10);
    learn(&mut looker, &taken(10, 0), Duration::from_millis(2)).await;

    let mut looks = Vec::new();
    for (n, after) in (1..).zip([1, 1, 1, 1, 6, 6]) {
        tokio::time::advance(LONGEST / 2 * after).await;
        let look = looker.look(10);
        looks.push((asks_fair(&look), place(&look).is_none()));
        learn(&mut looker, &taken(10, n * 10), Duration::from_millis(2)).await;
    }

    let (asks, whole, both) = ((true, false), (false, true), (true, true));
    assert_eq!(looks, [whole, asks, whole, asks, both, both]);
}
