//! The bucket against a model of the remote's own, with made-up instants.

use super::*;

const CONFIG: BucketConfig = BucketConfig {
    capacity: 3600,
    refill_per_s: 5.0,
    refill_ceiling_per_s: 50.0,
};

/// How long a model run lasts.
const RUN: Duration = Duration::from_secs(3600);

/// The remote's bucket as the sheet has it: exact, and refusing what it cannot pay.
struct Remote {
    tokens: f64,
    capacity: f64,
    refill_per_s: f64,
    as_of: Instant,
    refused: u32,
    spent: f64,
}

impl Remote {
    fn new(tokens: f64, refill_per_s: f64, now: Instant) -> Self {
        Self {
            tokens,
            capacity: 3600.0,
            refill_per_s,
            as_of: now,
            refused: 0,
            spent: 0.0,
        }
    }

    fn charge(&mut self, cost: u32, now: Instant) -> Option<Cost> {
        let span = now.duration_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + span * self.refill_per_s).min(self.capacity);
        self.as_of = now;
        if self.tokens < f64::from(cost) {
            self.refused += 1;
            return None;
        }
        self.tokens -= f64::from(cost);
        self.spent += f64::from(cost);
        Some(Cost {
            cost,
            available: self.tokens as u32,
        })
    }
}

/// A small generator, so that a run is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

enum Step {
    Charge { call: CallId, cost: u32 },
    Settle { call: CallId, reading: Option<Cost> },
}

/// `callers` tasks that each want the next call as soon as the last is over, for an hour.
/// Replies overtake each other and some are lost. Gives the remote and the share of what it
/// allowed that was used.
fn drive(callers: usize, refill: f64, start: f64, costs: &[u32], seed: u64) -> (Remote, f64) {
    let begin = Instant::now();
    let (mut now, end) = (begin, begin + RUN);
    let mut remote = Remote::new(start, refill, begin);
    let mut bucket = Bucket::new(CONFIG, begin);
    let mut chance = Chance(seed);
    let mut plan: BTreeMap<(Instant, u64), Step> = BTreeMap::new();
    let (mut turn, mut under_way, mut next_cost) = (0_u64, 0, costs[0]);
    while now < end {
        let mut wake = end;
        while under_way < callers {
            match bucket.reserve(next_cost, now) {
                Ok(call) => {
                    let at = now + ms(5 + chance.below(200));
                    plan.insert(
                        (at, turn),
                        Step::Charge {
                            call,
                            cost: next_cost,
                        },
                    );
                    (turn, under_way) = (turn + 1, under_way + 1);
                    next_cost = costs[chance.below(costs.len() as u64) as usize];
                }
                Err(Wait::For(span)) => {
                    wake = wake.min(now + span);
                    break;
                }
                Err(_) => break,
            }
        }
        let due = plan.first_key_value().map(|((at, _), _)| *at);
        now = due.map_or(wake, |at| at.min(wake));
        if due != Some(now) {
            continue;
        }
        match plan.pop_first().expect("something is due").1 {
            Step::Charge { call, cost } => {
                let reading = remote.charge(cost, now);
                let reading = reading.filter(|_| chance.below(100) != 0);
                let at = now + ms(5 + chance.below(300));
                plan.insert((at, turn), Step::Settle { call, reading });
                turn += 1;
            }
            Step::Settle { call, reading } => {
                bucket.settle(call, reading, now);
                under_way -= 1;
            }
        }
    }
    let allowed = start + refill * RUN.as_secs_f64();
    let used = remote.spent / allowed;
    (remote, used)
}

#[test]
fn no_call_is_refused_and_95_percent_of_the_allowed_rate_is_used() {
    for callers in [1, 3, 10, 30] {
        for refill in [5.0, 20.0, 50.0] {
            for costs in [&[801][..], &[2, 16, 101], &[1, 401, 801, 2], &[16]] {
                for (seed, start) in [(7, 3600.0), (99, 900.0)] {
                    let (remote, used) = drive(callers, refill, start, costs, seed);

                    let case = format!("{callers} callers, {refill}/s, {costs:?}, from {start}");
                    assert_eq!(remote.refused, 0, "{case}");
                    // At the end up to one call's worth is being saved for the next call.
                    let dearest = f64::from(*costs.iter().max().unwrap());
                    let allowed = start + refill * RUN.as_secs_f64() - dearest;
                    let demand = demand_per_s(callers, costs) * RUN.as_secs_f64();
                    let goal = (0.95 * allowed).min(0.8 * demand);
                    assert!(remote.spent >= goal, "{case}: used {used:.3}");
                }
            }
        }
    }
}

/// The callers' own speed: about 255 ms a call on average.
fn demand_per_s(callers: usize, costs: &[u32]) -> f64 {
    let mean = f64::from(costs.iter().sum::<u32>()) / costs.len() as f64;
    callers as f64 * mean / 0.255
}

#[test]
fn the_first_call_goes_alone_until_the_level_is_known() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);

    let first = bucket.reserve(100, now).unwrap();

    assert_eq!(bucket.reserve(1, now), Err(Wait::ForReading));
    bucket.settle(
        first,
        Some(Cost {
            cost: 100,
            available: 30,
        }),
        now + ms(100),
    );
    assert!(bucket.reserve(30, now + ms(100)).is_ok());
    assert_eq!(bucket.wait_before(10, now + ms(100)), Wait::For(ms(2000)));
}

#[test]
fn a_call_dearer_than_the_whole_bucket_never_goes() {
    let now = Instant::now();

    assert_eq!(Bucket::new(CONFIG, now).wait_before(3601, now), Wait::Never);
}

#[test]
fn the_refill_rate_is_learned_upward_and_downward() {
    for (truth, guess) in [(50.0, 5.0), (5.0, 50.0), (12.0, 5.0), (3.0, 20.0)] {
        let mut now = Instant::now();
        let config = BucketConfig {
            refill_per_s: guess,
            ..CONFIG
        };
        let mut bucket = Bucket::new(config, now);
        let mut remote = Remote::new(2000.0, truth, now);
        for _ in 0..20 {
            now += ms(3000);
            let call = bucket.reserve(8, now).unwrap();
            let reading = remote.charge(8, now + ms(50));
            bucket.settle(call, reading, now + ms(100));
        }

        let learned = bucket.refill_per_s();

        assert!(
            (learned - truth).abs() <= truth * 0.1,
            "{truth}: learned {learned}"
        );
    }
}

#[test]
fn the_refill_rate_is_not_lowered_by_a_bucket_that_was_full() {
    let mut now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let mut remote = Remote::new(3600.0, 50.0, now);

    for _ in 0..20 {
        now += ms(5000);
        let call = bucket.reserve(2, now).unwrap();
        bucket.settle(call, remote.charge(2, now + ms(50)), now + ms(100));
    }

    assert!(bucket.refill_per_s() >= 5.0);
}

#[test]
fn a_reading_older_than_another_charge_does_not_raise_the_level() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let first = bucket.reserve(1, now).unwrap();
    bucket.settle(
        first,
        Some(Cost {
            cost: 1,
            available: 1000,
        }),
        now,
    );
    let early = bucket.reserve(400, now).unwrap();
    let late = bucket.reserve(500, now).unwrap();

    // The remote charged `early` first, but its reply comes last.
    bucket.settle(
        late,
        Some(Cost {
            cost: 500,
            available: 100,
        }),
        now + ms(10),
    );
    bucket.settle(
        early,
        Some(Cost {
            cost: 400,
            available: 600,
        }),
        now + ms(20),
    );

    assert!(matches!(
        bucket.wait_before(150, now + ms(20)),
        Wait::For(_)
    ));
    assert_eq!(bucket.wait_before(90, now + ms(20)), Wait::Go);
}

#[test]
fn a_refusal_stops_everyone_and_halves_the_rate() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let call = bucket.reserve(10, now).unwrap();
    bucket.settle(
        call,
        Some(Cost {
            cost: 10,
            available: 3000,
        }),
        now,
    );
    let table = [
        (None, None, Wait::For(ms(10_000))),
        (None, Some(ms(30_000)), Wait::For(ms(30_000))),
    ];
    for (available, after, expected) in table {
        let rate = bucket.refill_per_s();
        let call = bucket.reserve(10, now).unwrap();

        bucket.refuse(call, available, after, now);

        assert_eq!(bucket.wait_before(0, now), expected);
        assert!(bucket.refill_per_s() <= rate / 2.0);
        bucket = Bucket::new(CONFIG, now);
        let call = bucket.reserve(10, now).unwrap();
        bucket.settle(
            call,
            Some(Cost {
                cost: 10,
                available: 3000,
            }),
            now,
        );
    }
}

#[test]
fn a_refusal_that_names_the_level_waits_just_for_the_rest() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let call = bucket.reserve(100, now).unwrap();

    bucket.refuse(call, Some(40), None, now);

    // 60 tokens at half of 5 a second.
    assert_eq!(bucket.wait_before(100, now), Wait::For(ms(24_000)));
}

#[test]
fn a_call_never_sent_gives_its_tokens_back() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let first = bucket.reserve(1, now).unwrap();
    bucket.settle(
        first,
        Some(Cost {
            cost: 1,
            available: 100,
        }),
        now,
    );

    let call = bucket.reserve(100, now).unwrap();
    bucket.cancel(call, now);

    assert_eq!(bucket.wait_before(100, now), Wait::Go);
}

#[test]
fn a_lost_reply_stays_spent_and_may_be_charged_late() {
    let now = Instant::now();
    let mut bucket = Bucket::new(CONFIG, now);
    let first = bucket.reserve(1, now).unwrap();
    bucket.settle(
        first,
        Some(Cost {
            cost: 1,
            available: 200,
        }),
        now,
    );
    let lost = bucket.reserve(100, now).unwrap();
    bucket.settle(lost, None, now + ms(1));

    let next = bucket.reserve(10, now + ms(2)).unwrap();
    bucket.settle(
        next,
        Some(Cost {
            cost: 10,
            available: 190,
        }),
        now + ms(3),
    );

    assert!(matches!(bucket.wait_before(100, now + ms(3)), Wait::For(_)));
    assert_eq!(bucket.wait_before(90, now + ms(3)), Wait::Go);
}
