//! What Postgres and the engine take, told with the place of whatever they would not.

use engine::{MAX_ARGS_BYTES, MAX_ARGS_DEPTH};
use serde_json::Value;

use crate::http::problem::Flaw;
use crate::kinds::Unknown;

pub(super) const YEAR_MS: u64 = 366 * 24 * 3_600_000;

/// What is wrong with args, if anything is.
pub(super) fn args_flaw(args: &Value) -> Option<Flaw> {
    let size = args.to_string().len();
    if size > MAX_ARGS_BYTES {
        return Some(Flaw::new(
            "/args",
            format!(
                "{size} bytes of JSON, at most {MAX_ARGS_BYTES}; keep large data in a table and pass its key"
            ),
        ));
    }
    (depth(args) > MAX_ARGS_DEPTH)
        .then(|| Flaw::new("/args", format!("nested deeper than {MAX_ARGS_DEPTH}")))
}

/// Recursion is safe: nothing deeper than 128 levels can be read.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// All that is wrong with a request.
#[derive(Default)]
pub(super) struct Flaws(pub(super) Vec<Flaw>);

impl Flaws {
    pub(super) fn add_if(&mut self, wrong: bool, pointer: &str, message: &str) {
        if wrong {
            self.0.push(Flaw::new(pointer, message));
        }
    }

    pub(super) fn word(&mut self, pointer: &str, word: Option<&String>, longest: usize) {
        let wrong = |word: &String| {
            word.is_empty() || word.len() > longest || word.chars().any(char::is_control)
        };
        let message = format!("expected 1 to {longest} bytes without control characters");
        self.add_if(word.is_some_and(wrong), pointer, &message);
    }

    pub(super) fn words(&mut self, pointer: &str, words: &[String], most: usize) {
        self.add_if(
            words.len() > most,
            pointer,
            &format!("expected at most {most}"),
        );
        for (at, word) in words.iter().enumerate().take(most) {
            self.word(&format!("{pointer}/{at}"), Some(word), 100);
        }
    }

    pub(super) fn span(&mut self, pointer: &str, ms: Option<u64>, longest: u64) {
        let wrong = ms.is_some_and(|ms| !(1..=longest).contains(&ms));
        self.add_if(
            wrong,
            pointer,
            &format!("expected 1 to {longest} milliseconds"),
        );
    }
}

/// The kind of an order that nobody runs.
pub(super) fn unknown_kind(unknown: Unknown) -> Flaw {
    let Unknown { what, fix } = unknown;
    let message = format!(
        "{what}: a job that nobody runs waits for ever, and is taken only with `unknown_kind` true; {fix}"
    );
    Flaw {
        code: "unknown_kind",
        ..Flaw::new("/kind", message)
    }
}
