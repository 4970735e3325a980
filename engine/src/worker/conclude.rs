//! Conclude: what an attempt's end means for its job. A pure rule over the handler's answer, the
//! attempt's counts and one random number.

use std::time::Duration;

use crate::admit::nuls;
use crate::cx::{Attempt, Stop};
use crate::flow::Wait;
use crate::outcome::capped;
use crate::store::settle::Settlement;
use crate::{Again, Failure, Outcome, State};

/// The settlement of an attempt, or `None` when the handler settled in its own transaction.
pub(crate) fn conclude(
    attempt: &Attempt,
    answer: Result<Outcome, Failure>,
    chance: f64,
) -> Option<Settlement> {
    let base = Settlement {
        fence: attempt.fence,
        state: State::Completed,
        outcome: "done",
        delay: Duration::ZERO,
        code: None,
        error: None,
        result: None,
        wait: None,
        put_off_for: None,
        frees: attempt.is_limited.then(|| attempt.queue.clone()),
    };
    Some(match answer {
        Ok(Outcome::Settled) => return None,
        Ok(Outcome::Done(result)) => Settlement {
            result: result.map(|value| storable(&value)),
            ..base
        },
        Ok(Outcome::Snooze(delay)) => Settlement {
            state: State::Available,
            outcome: "snooze",
            delay,
            ..base
        },
        Ok(Outcome::Cancel(reason)) => cancelled(base, reason),
        Ok(Outcome::Dead(reason)) => dead(base, "dead".into(), reason),
        Err(failure) => failed(attempt, base, failure, chance),
    })
}

fn failed(attempt: &Attempt, base: Settlement, failure: Failure, chance: f64) -> Settlement {
    // A failure's fields are open to all, and so may hold anything.
    let failure = Failure {
        code: capped(failure.code),
        message: capped(failure.message),
        ..failure
    };
    let stop = attempt.stop.get();
    if let (Again::Wait(wait), false) = (&failure.again, stop == Some(&Stop::Cancelled)) {
        return waiting(base, wait.clone());
    }
    match stop {
        Some(Stop::Cancelled) => return cancelled(base, failure.message),
        // The worker is leaving: the job is not to blame and comes back at once.
        Some(Stop::Shutdown) => {
            return Settlement {
                state: State::Available,
                outcome: "give_back",
                ..base
            };
        }
        Some(Stop::Timeout | Stop::LeaseLost) | None => {}
    }
    let failures = attempt.failed + 1;
    let retry_after = match failure.again {
        Again::Never => return dead(base, failure.code, failure.message),
        Again::Uncounted(delay) => {
            return Settlement {
                state: State::Available,
                outcome: "snooze",
                delay,
                code: Some(failure.code),
                error: Some(failure.message),
                ..base
            };
        }
        Again::After(wait) => Some(wait),
        Again::Backoff | Again::Wait(_) => None,
    };
    if failures >= attempt.max_attempts {
        return dead(base, failure.code, failure.message);
    }
    Settlement {
        state: State::Available,
        outcome: "retry",
        delay: attempt.backoff.wait(failures, retry_after, chance),
        code: Some(failure.code),
        error: Some(failure.message),
        ..base
    }
}

fn waiting(base: Settlement, wait: Wait) -> Settlement {
    Settlement {
        state: State::Waiting,
        outcome: "wait",
        wait: Some(wait),
        ..base
    }
}

fn cancelled(base: Settlement, reason: String) -> Settlement {
    Settlement {
        state: State::Cancelled,
        outcome: "cancel",
        code: Some("cancelled".into()),
        error: Some(capped(reason)),
        ..base
    }
}

fn dead(base: Settlement, code: String, reason: String) -> Settlement {
    Settlement {
        state: State::Dead,
        outcome: "dead",
        code: Some(code),
        error: Some(capped(reason)),
        ..base
    }
}

/// A result as text that jsonb takes: it has no NUL. An escaped backslash before `u0000` is not one.
fn storable(value: &serde_json::Value) -> String {
    without_nuls(value.to_string())
}

/// JSON text with its NULs replaced.
pub(crate) fn without_nuls(mut text: String) -> String {
    for at in nuls(&text) {
        text.replace_range(at..at + 6, "\\ufffd");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backoff, Fence};
    use std::sync::OnceLock;
    use uuid::Uuid;

    fn attempt(failed: u32, stop: Option<Stop>) -> Attempt {
        let cell = OnceLock::new();
        if let Some(why) = stop {
            cell.set(why).unwrap();
        }
        Attempt {
            fence: Fence {
                shard: 0,
                job_id: Uuid::nil(),
                attempt: 4,
                nonce: 7,
            },
            kind: "a.b".into(),
            queue: "default".into(),
            is_limited: false,
            failed,
            max_attempts: 3,
            backoff: Backoff {
                base_ms: 1_000,
                factor: 2.0,
                max_ms: 60_000,
            },
            timeout: Duration::from_secs(1),
            parent_id: None,
            tags: Vec::new(),
            trace_context: None,
            token: tokio_util::sync::CancellationToken::new(),
            stop: cell,
            started: tokio::time::Instant::now(),
            lease: Duration::from_secs(15),
            steps: crate::flow::StepVersions {
                current: 1,
                oldest: 1,
            },
            reached: std::sync::Mutex::default(),
            progress_at: std::sync::Mutex::default(),
        }
    }

    fn failure(again: Again) -> Result<Outcome, Failure> {
        Err(Failure::new("boom", "it broke").again(again))
    }

    #[test]
    fn every_answer_has_its_state_and_delay() {
        let minute = Duration::from_secs(60);
        let cases = [
            (0, None, Ok(Outcome::done()), State::Completed, "done", 0),
            (
                0,
                None,
                Ok(Outcome::Snooze(minute)),
                State::Available,
                "snooze",
                60_000,
            ),
            (
                0,
                None,
                Ok(Outcome::Cancel("no".into())),
                State::Cancelled,
                "cancel",
                0,
            ),
            (
                0,
                None,
                Ok(Outcome::Dead("no".into())),
                State::Dead,
                "dead",
                0,
            ),
            (
                0,
                None,
                failure(Again::Backoff),
                State::Available,
                "retry",
                500,
            ),
            (
                1,
                None,
                failure(Again::Backoff),
                State::Available,
                "retry",
                1_000,
            ),
            (2, None, failure(Again::Backoff), State::Dead, "dead", 0),
            (
                0,
                None,
                failure(Again::After(minute)),
                State::Available,
                "retry",
                60_000,
            ),
            (
                2,
                None,
                failure(Again::After(minute)),
                State::Dead,
                "dead",
                0,
            ),
            (
                2,
                None,
                failure(Again::Uncounted(minute)),
                State::Available,
                "snooze",
                60_000,
            ),
            (0, None, failure(Again::Never), State::Dead, "dead", 0),
            (
                2,
                Some(Stop::Shutdown),
                failure(Again::Backoff),
                State::Available,
                "give_back",
                0,
            ),
            (
                0,
                Some(Stop::Cancelled),
                failure(Again::Backoff),
                State::Cancelled,
                "cancel",
                0,
            ),
            (
                0,
                Some(Stop::Cancelled),
                Ok(Outcome::done()),
                State::Completed,
                "done",
                0,
            ),
            (
                0,
                Some(Stop::Timeout),
                failure(Again::Backoff),
                State::Available,
                "retry",
                500,
            ),
        ];
        for (failed, stop, answer, state, outcome, delay_ms) in cases {
            let name = format!("{failed} {stop:?} {answer:?}");

            let settled = conclude(&attempt(failed, stop), answer, 0.5).expect("settles");

            assert_eq!((settled.state, settled.outcome), (state, outcome), "{name}");
            assert_eq!(settled.delay.as_millis(), delay_ms, "{name}");
        }
    }

    #[test]
    fn a_handler_that_settled_itself_is_left_alone() {
        assert_eq!(conclude(&attempt(0, None), Ok(Outcome::Settled), 0.5), None);
    }
}
