//! The texts of what is shut, empty or not to be had now.

use uuid::Uuid;

use super::Why;
use super::text::because;
use crate::breaker::BreakerState;

impl Why {
    pub(super) fn said_of_shut(&self) -> String {
        match self {
            Why::PutOff {
                key, times, since, ..
            } => format!(
                "it was put off{}, {} since {since}",
                key.as_ref()
                    .map(|key| format!(" because {key} was shut"))
                    .unwrap_or_default(),
                match times {
                    1 => "once".to_owned(),
                    times => format!("{times} times in a row"),
                }
            ),
            Why::BudgetShut { key, until } => {
                format!("the budget of {key} is shut until {until}: the remote refused a call")
            }
            Why::Snoozed {
                code, error, since, ..
            } => format!(
                "its last attempt sent it back at {since}{}, without counting as a failure",
                because(code.as_deref(), error.as_deref())
            ),
            Why::BucketEmpty {
                key,
                tokens,
                capacity,
                refill_per_s,
                ..
            } => format!(
                "the budget of {key} has too few tokens: {} of {}, and {} come back each second",
                amount(*tokens),
                amount(*capacity),
                amount(*refill_per_s)
            ),
            Why::BreakerShut {
                connection,
                state,
                since,
                opens,
                forced_by,
                reason,
                ..
            } => {
                let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
                let why = match (forced_by, reason) {
                    (Some(by), Some(reason)) => format!(", opened by {by}: {reason}"),
                    (Some(by), None) => format!(", opened by {by}"),
                    (None, _) => format!(", for the {opens}. time in a row: its calls failed"),
                };
                let state = match state {
                    BreakerState::HalfOpen => "half-open",
                    other => other.as_str(),
                };
                format!("the breaker of {connection} is {state}{since}{why}")
            }
            other => other.said_of_wait(),
        }
    }

    pub(super) fn next_of_shut(&self, id: Uuid) -> String {
        match self {
            Why::PutOff { key, again_at, .. } => match key {
                Some(key) => format!("it comes as soon as {key} is open, and asks at {again_at}"),
                None => format!("it comes at {again_at}"),
            },
            Why::BudgetShut { key, until } => {
                format!(
                    "its jobs come at {until}; open it now: lockstep budget set {key} --unblock"
                )
            }
            Why::Snoozed { again_at, .. } => {
                format!("it goes on at {again_at}; now: lockstep job retry {id}")
            }
            Why::BucketEmpty { key, enough_at, .. } => {
                format!("it has enough at {enough_at}; see it: lockstep budget show {key}")
            }
            _ => self.next_of_breaker(),
        }
    }

    fn next_of_breaker(&self) -> String {
        let Why::BreakerShut {
            connection,
            state,
            next_probe_at,
            probe_job,
            ..
        } = self
        else {
            return String::new();
        };
        let close = format!("if it works, close it: lockstep breaker close {connection}");
        match (state, probe_job, next_probe_at) {
            (BreakerState::HalfOpen, Some(job), Some(at)) => {
                format!(
                    "job {job} finds out now whether it works, or another one from {at} on; {close}"
                )
            }
            (BreakerState::HalfOpen, _, _) => {
                format!("the next of its jobs finds out whether it works; {close}")
            }
            (_, _, Some(at)) => format!("one job finds out at {at} whether it works; {close}"),
            (_, _, None) => {
                format!("it goes on when somebody closes it: lockstep breaker close {connection}")
            }
        }
    }
}

/// Tokens, as precisely as a person needs them.
fn amount(tokens: f64) -> String {
    let text = format!("{tokens:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
