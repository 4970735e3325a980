//! The breaker's moves, as a table.

use super::*;

const T: i64 = 1_000_000;

const fn job(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

const fn heard(good: i32, bad: i32) -> Event {
    Event::Heard {
        good,
        bad,
        is_probe: false,
    }
}

const fn probed(good: i32, bad: i32) -> Event {
    Event::Heard {
        good,
        bad,
        is_probe: true,
    }
}

const fn ask(n: u128) -> Event {
    Event::Ask { job: job(n) }
}

const fn ended(n: u128) -> Event {
    Event::Ended { job: job(n) }
}

/// Enough to open it.
const FELL: (i64, Event) = (0, heard(0, 5));

fn after(events: &[(i64, Event)]) -> (Breaker, Pass) {
    let (mut breaker, mut pass) = (Breaker::closed(T), Pass::Go);
    for (at, event) in events {
        (breaker, pass) = breaker.step(*event, T + at, &BreakerRules::default());
    }
    (breaker, pass)
}

/// Its name, what is told and when in milliseconds from the start; the state, the answer to the last
/// of it and the openings in a row.
type Story = (
    &'static str,
    &'static [(i64, Event)],
    BreakerState,
    Pass,
    i32,
);

#[test]
fn every_story_ends_in_its_state() {
    use BreakerState::{Closed, HalfOpen, Open};
    const TABLE: &[Story] = &[
        ("too few", &[(0, heard(0, 4))], Closed, Pass::Go, 0),
        ("half of all", &[(0, heard(5, 5))], Open, Pass::Go, 1),
        ("less than half", &[(0, heard(6, 5))], Closed, Pass::Go, 0),
        (
            "over two halves",
            &[(0, heard(0, 3)), (40_000, heard(0, 2))],
            Open,
            Pass::Go,
            1,
        ),
        (
            "too long ago",
            &[(0, heard(0, 3)), (61_000, heard(0, 2))],
            Closed,
            Pass::Go,
            0,
        ),
        (
            "asked while open",
            &[FELL, (1_000, ask(1))],
            Open,
            Pass::At(T + 15_000),
            1,
        ),
        (
            "its time is over",
            &[FELL, (15_000, ask(1))],
            HalfOpen,
            Pass::Probe,
            1,
        ),
        (
            "a second probe",
            &[FELL, (15_000, ask(1)), (15_100, ask(2))],
            HalfOpen,
            Pass::At(T + 17_100),
            1,
        ),
        (
            "a dead prober",
            &[FELL, (15_000, ask(1)), (45_000, ask(2))],
            HalfOpen,
            Pass::Probe,
            1,
        ),
        (
            "a slow prober that lives",
            &[
                FELL,
                (15_000, ask(1)),
                (30_000, Event::Renew { job: job(1) }),
                (46_000, ask(2)),
            ],
            HalfOpen,
            Pass::At(T + 48_000),
            1,
        ),
        (
            "a superseded prober that lives",
            &[
                FELL,
                (15_000, ask(1)),
                (45_000, ask(2)),
                (46_000, Event::Renew { job: job(1) }),
                (75_000, ask(3)),
            ],
            HalfOpen,
            Pass::Probe,
            1,
        ),
        (
            "a superseded probe that failed",
            &[
                FELL,
                (15_000, ask(1)),
                (45_000, ask(2)),
                (46_000, probed(0, 1)),
            ],
            Open,
            Pass::Go,
            2,
        ),
        (
            "a probe that proved nothing",
            &[FELL, (15_000, ask(1)), (15_100, ended(1)), (15_200, ask(2))],
            HalfOpen,
            Pass::Probe,
            1,
        ),
        (
            "another job's end",
            &[FELL, (15_000, ask(1)), (15_100, ended(3)), (15_200, ask(2))],
            HalfOpen,
            Pass::At(T + 17_200),
            1,
        ),
        (
            "a straggler's good news",
            &[FELL, (15_000, ask(1)), (15_100, heard(1, 0))],
            HalfOpen,
            Pass::Go,
            1,
        ),
        (
            "a straggler's bad news",
            &[FELL, (15_000, ask(1)), (15_100, heard(0, 1))],
            HalfOpen,
            Pass::Go,
            1,
        ),
        (
            "bad news while open",
            &[FELL, (1_000, heard(0, 9))],
            Open,
            Pass::Go,
            1,
        ),
        (
            "the probe failed",
            &[
                FELL,
                (15_000, ask(1)),
                (15_100, probed(0, 1)),
                (15_200, ask(2)),
            ],
            Open,
            Pass::At(T + 45_100),
            2,
        ),
        (
            "the probe went well",
            &[FELL, (15_000, ask(1)), (15_100, probed(1, 0))],
            Closed,
            Pass::Go,
            1,
        ),
        (
            "bad news on the ramp",
            &[
                FELL,
                (15_000, ask(1)),
                (15_100, probed(1, 0)),
                (15_200, heard(9, 1)),
            ],
            Open,
            Pass::Go,
            2,
        ),
        (
            "after the ramp",
            &[
                FELL,
                (15_000, ask(1)),
                (15_100, probed(1, 0)),
                (21_100, heard(0, 1)),
            ],
            Closed,
            Pass::Go,
            0,
        ),
        (
            "a person opens it",
            &[(0, Event::Open { for_ms: None }), (900_000, ask(1))],
            Open,
            Pass::At(T + 1_200_000),
            1,
        ),
        (
            "a person opens it for a while",
            &[
                (
                    0,
                    Event::Open {
                        for_ms: Some(5_000),
                    },
                ),
                (5_000, ask(1)),
            ],
            HalfOpen,
            Pass::Probe,
            1,
        ),
        (
            "a person closes it",
            &[FELL, (10, Event::Close), (20, ask(1))],
            Closed,
            Pass::Go,
            0,
        ),
    ];
    for (name, events, state, pass, opens) in TABLE {
        let (breaker, answer) = after(events);

        assert_eq!(
            (breaker.state, answer, breaker.opens),
            (*state, *pass, *opens),
            "{name}"
        );
    }
}

#[test]
fn after_a_good_probe_jobs_pass_one_two_four_a_second_and_then_all() {
    let (mut breaker, _) = after(&[
        (0, heard(0, 5)),
        (15_000, Event::Ask { job: job(1) }),
        (15_000, probed(1, 0)),
    ]);

    let mut passed = Vec::new();
    for second in 0..8 {
        let mut count = 0;
        for _ in 0..100 {
            let at = T + 15_000 + second * 1_000;
            let (next, pass) =
                breaker.step(Event::Ask { job: job(2) }, at, &BreakerRules::default());
            breaker = next;
            count += i32::from(pass == Pass::Go);
        }
        passed.push(count);
    }

    assert_eq!(passed, [1, 2, 4, 8, 16, 32, 100, 100]);
}

#[test]
fn each_opening_in_a_row_is_longer_up_to_the_cap() {
    let rules = BreakerRules::default();
    let (mut breaker, mut now) = (Breaker::closed(T), T);
    let mut spans = Vec::new();
    (breaker, _) = breaker.step(heard(0, 5), now, &rules);
    for _ in 0..8 {
        let until = breaker.open_until.unwrap();
        spans.push((until - now) / 1_000);
        now = until;
        (breaker, _) = breaker.step(Event::Ask { job: job(1) }, now, &rules);
        (breaker, _) = breaker.step(probed(0, 1), now, &rules);
    }

    assert_eq!(spans, [15, 30, 60, 120, 240, 480, 600, 600]);
}

/// Probes that fail, one after the other, for so long.
fn failing_for(hours: i64) -> Breaker {
    let rules = BreakerRules::default();
    let (mut breaker, _) = Breaker::closed(T).step(heard(0, 5), T, &rules);
    while let Some(until) = breaker.open_until.filter(|at| *at < T + hours * 3_600_000) {
        (breaker, _) = breaker.step(ask(1), until, &rules);
        (breaker, _) = breaker.step(probed(0, 1), until, &rules);
    }
    breaker
}

#[test]
fn a_connection_that_fails_for_a_day_is_an_alarm_and_for_a_week_is_suspended() {
    let alarms = [23, 25, 24 * 7 - 1, 24 * 7 + 1].map(|hours| failing_for(hours).alarm);

    let (warned, suspended) = (Some(Alarm::Warned), Some(Alarm::Suspended));
    assert_eq!(alarms, [None, warned, warned, suspended]);
    assert_eq!(failing_for(200).failing_since, Some(T));
}

#[test]
fn only_calls_that_went_well_for_a_whole_ramp_end_a_failure() {
    let rules = BreakerRules::default();
    let down = failing_for(25);
    let at = down.open_until.unwrap();
    let (probing, _) = down.step(ask(1), at, &rules);
    let (ramp, _) = probing.step(probed(1, 0), at, &rules);

    let (again, _) = ramp.step(heard(0, 1), at + 1_000, &rules);
    let (well, _) = ramp.step(heard(1, 0), at + 6_000, &rules);
    let (by_hand, _) = down.step(Event::Close, at, &rules);
    let (opened, _) = Breaker::closed(T).step(Event::Open { for_ms: None }, T, &rules);

    assert_eq!(again.failing_since, Some(T), "it failed again on the ramp");
    assert_eq!((well.failing_since, well.alarm), (None, None));
    assert_eq!((by_hand.failing_since, by_hand.alarm), (None, None));
    assert_eq!(
        opened.failing_since, None,
        "a person's opening is no failure"
    );
}
