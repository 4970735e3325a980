//! What a purse promises, with a pinned clock.

use super::*;

fn standing(granted: f64, wait_ms: u64, spent: f64) -> Standing {
    Standing {
        key: "k".into(),
        granted,
        wait: Some(Duration::from_millis(wait_ms)),
        spent,
        refill_per_s: 100.0,
        capacity: 1_000.0,
    }
}

fn holding(granted: f64) -> (Purse, Instant) {
    let now = tokio::time::Instant::now().into_std();
    let mut purse = Purse::new(now);
    purse.put(&standing(granted, 0, 0.0), now, now);
    (purse, now)
}

fn after(now: Instant, ms: u64) -> Instant {
    now + Duration::from_millis(ms)
}

#[test]
fn tokens_are_spent_only_between_their_time_and_the_end_of_trust() {
    let now = tokio::time::Instant::now().into_std();
    let mut purse = Purse::new(now);

    purse.put(&standing(10.0, 500, 0.0), now, now);

    assert!(!purse.covers(10.0, after(now, 499)));
    assert!(purse.covers(10.0, after(now, 500)));
    assert!(!purse.covers(11.0, after(now, 500)));
    assert!(!purse.covers(10.0, now + TRUST));
}

#[test]
fn what_the_database_has_forgotten_is_lost_and_not_given_back() {
    let (mut purse, now) = holding(10.0);

    let report = purse.report("k", now + TRUST);

    assert_eq!(report, None);
    assert!(!purse.is_live());
}

#[test]
fn idle_tokens_are_given_back_once_and_wanted_ones_are_kept() {
    let (mut purse, now) = holding(10.0);
    purse.wanted = 5.0;

    let wanted = purse.report("k", now + IDLE);
    purse.wanted = 0.0;
    let idle = purse.report("k", now + IDLE).unwrap();
    let again = purse.report("k", now + IDLE * 2);

    assert_eq!((wanted, again), (None, None));
    assert_eq!((idle.back, idle.holds, idle.spent), (10.0, 0.0, 0.0));
}

#[test]
fn every_token_is_held_spent_or_back_however_its_call_ends() {
    let read = Ended::Read {
        cost: 4.0,
        available: 500.0,
    };
    let table = [
        (read, 4.0, 6.0),
        (Ended::Unread, 4.0, 6.0),
        (Ended::Doubtful, 0.0, 10.0),
        (Ended::Refused, 0.0, 6.0),
        (Ended::Unsent, 0.0, 10.0),
    ];
    for (ended, spent, holds) in table {
        let (mut purse, now) = holding(10.0);
        let taken = purse.take(4.0, now);

        purse.end(&taken, ended, now);
        let report = purse.report("k", now + RENEW - Duration::from_millis(1));
        let report = report.or_else(|| {
            purse.wanted = 1.0;
            purse.report("k", now + RENEW)
        });

        let report = report.unwrap();
        assert_eq!(
            (report.spent, report.holds + report.back),
            (spent, holds),
            "{ended:?}"
        );
    }
}

#[test]
fn a_call_without_an_answer_is_held_until_it_can_no_longer_be_charged() {
    let (mut purse, now) = holding(4.0);
    let taken = purse.take(4.0, now);
    purse.end(&taken, Ended::Doubtful, now);

    let early = purse.report("k", now + RENEW).unwrap();
    let late = purse.report("k", now + LATE_CHARGE).unwrap();

    assert_eq!((early.spent, early.holds, early.blurred), (0.0, 4.0, true));
    assert_eq!((late.spent, late.holds), (4.0, 0.0));
}

#[test]
fn a_reading_has_seen_our_calls_that_ended_before_it_was_asked_for() {
    let (mut purse, now) = holding(10.0);
    let first = purse.take(4.0, now);
    purse.end(&first, Ended::Unread, now);
    let second = purse.take(3.0, now);

    let read = Ended::Read {
        cost: 3.0,
        available: 90.0,
    };
    purse.end(&second, read, after(now, 20));
    let report = purse.report("k", after(now, 50)).unwrap();

    let reading = report.reading.unwrap();
    assert_eq!((reading.seen, reading.available), (4.0, 90.0));
    assert_eq!(reading.age, Duration::from_millis(50));
}

#[test]
fn what_the_database_may_not_have_heard_is_told_again_and_proves_nothing() {
    let (mut purse, now) = holding(10.0);
    let taken = purse.take(4.0, now);
    purse.end(&taken, Ended::Unread, now);
    let first = purse.report("k", now).unwrap();

    purse.unheard();
    let second = purse.report("k", now).unwrap();

    assert_eq!((first.spent, first.blurred), (4.0, false));
    assert_eq!((second.spent, second.blurred), (4.0, true));
}
