//! How an attempt ends: what a handler may answer, and what a failure says about trying again.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::flow::Wait;

/// The longest error text that is kept; the rest is cut.
pub const MAX_ERROR_BYTES: usize = 4 * 1024;

/// How long a job is put off that an older build than the one it began with has claimed: a rolling
/// deploy is soon over, and the newer workers take it.
const FOR_A_NEWER_BUILD: Duration = Duration::from_secs(30);

/// What a handler answers when it did not fail.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The work is done; the value is kept as the job's result.
    Done(Option<Value>),
    /// Try again later without having failed: costs no attempt.
    Snooze(Duration),
    /// End the job as cancelled.
    Cancel(String),
    /// Give up at once: another try cannot help.
    Dead(String),
    /// The handler settled in its own transaction ([`crate::Cx::settle`]); nothing is left to do.
    Settled,
}

impl Outcome {
    /// Done, without a result.
    pub fn done() -> Outcome {
        Outcome::Done(None)
    }

    /// Done, with a result that people and parents can read.
    pub fn done_with(result: impl serde::Serialize) -> Result<Outcome, crate::Error> {
        let value = serde_json::to_value(result).map_err(|source| crate::Error::Encode {
            what: "result",
            source,
        })?;
        Ok(Outcome::Done(Some(value)))
    }
}

/// Whether a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// After the kind's backoff.
    Backoff,
    /// After exactly this long: the remote asked for it.
    After(Duration),
    /// Never: the job is dead at once.
    Never,
    /// Later, and this attempt does not count as failed.
    Uncounted(Duration),
    /// Once something has happened: no failure at all, but a wait that was passed on.
    Wait(Wait),
}

/// A failed attempt. Not an error type itself, so that handlers may return any error of their own
/// that says how it becomes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// A short stable word for people and groups, e.g. `throttled`.
    pub code: String,
    /// The error with its causes, outermost first; at most [`MAX_ERROR_BYTES`].
    pub message: String,
    /// Whether it is tried again.
    pub again: Again,
}

impl Failure {
    /// A failure that is retried after the kind's backoff.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            code: code.into(),
            message: capped(message.into()),
            again: Again::Backoff,
        }
    }

    /// A failure out of an error, with the whole chain of its causes in the message.
    pub fn from_error(code: impl Into<String>, error: &(dyn StdError + 'static)) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            // Writing to a string cannot fail.
            let _ = write!(message, ": {error}");
            cause = error.source();
        }
        Failure::new(code, message)
    }

    /// The same failure, tried again as `again` says.
    pub fn again(mut self, again: Again) -> Failure {
        self.again = again;
        self
    }
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Failure {
        Failure::from_error(error.code(), &error).again(error.again())
    }
}

impl crate::Error {
    /// What a handler that fails with this asks for.
    pub fn again(&self) -> Again {
        match self {
            crate::Error::Waiting(wait) => Again::Wait(wait.clone()),
            crate::Error::Steps { begun, current, .. } if begun > current => {
                Again::Uncounted(FOR_A_NEWER_BUILD)
            }
            crate::Error::Steps { .. } => Again::Never,
            _ => Again::Backoff,
        }
    }
}

/// Cuts at a character border and drops NUL, which Postgres text cannot hold.
pub(crate) fn capped(mut text: String) -> String {
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    if text.len() > MAX_ERROR_BYTES {
        let end = (0..=MAX_ERROR_BYTES)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_at_a_character_border() {
        let failure = Failure::new("x", "é".repeat(MAX_ERROR_BYTES));

        assert!(failure.message.len() <= MAX_ERROR_BYTES);
        assert!(failure.message.ends_with('é'));
    }

    #[test]
    fn a_nul_never_reaches_the_database() {
        assert_eq!(Failure::new("x", "a\0b").message, "a\u{fffd}b");
    }

    #[test]
    fn the_message_names_the_causes() {
        let source = std::io::Error::other("refused");
        let error = crate::Error::Encode {
            what: "args",
            source: serde_json::Error::io(source),
        };

        assert_eq!(
            Failure::from_error("x", &error).message,
            "cannot encode args: refused"
        );
    }
}
