//! Admit: what an enqueue may say. Checked before anything is sent, so that bad input is an answer that
//! says what to change and never an error of the database.

use crate::Error;
use crate::job::{NewJob, When};

/// The largest args, as JSON text. More belongs in a table, with its key in the args.
pub const MAX_ARGS_BYTES: usize = 256 * 1024;
/// The deepest nesting of args.
pub const MAX_ARGS_DEPTH: usize = 64;

impl NewJob {
    /// The args as JSON text, or why the job cannot be accepted. Checked before anything is sent,
    /// so that bad input is an answer and never a database error.
    pub(crate) fn checked_args(&self) -> Result<&str, Error> {
        let args = self
            .args
            .as_ref()
            .map_err(|e| invalid(format!("args: {e}")))?;
        check_args(args)?;
        check_word("kind", &self.kind, 100)?;
        if let Some(queue) = &self.queue {
            check_word("queue", queue, 100)?;
        }
        if let Some(unique) = &self.unique {
            check_word("unique key", &unique.key, 200)?;
        }
        if let Some((key, _)) = &self.idempotency {
            check_word("idempotency key", key, 200)?;
        }
        let lists = [("tag", &self.tags), ("rate key", &self.rate_keys)];
        for (what, word) in lists
            .iter()
            .flat_map(|(what, words)| words.iter().map(move |word| (what, word)))
        {
            check_word(what, word, 200)?;
        }
        let words = [
            ("partition key", &self.partition_key),
            ("trace context", &self.trace_context),
            ("asked by", &self.asked_by),
        ];
        for (what, word) in words {
            word.as_ref()
                .map_or(Ok(()), |word| check_word(what, word, 200))?;
        }
        if self.max_attempts.is_some_and(|n| !(1..=1000).contains(&n)) {
            return Err(invalid("max_attempts: expected 1 to 1000"));
        }
        self.check_time()?;
        if self.unique.is_some() && self.idempotency.is_some() {
            return Err(invalid(
                "a job has a unique key or an idempotency key, not both",
            ));
        }
        Ok(args)
    }

    /// Later than that, a time with its priority counted in is none that Postgres or a reader can hold.
    fn check_time(&self) -> Result<(), Error> {
        match self.when {
            When::At(at) if !RUN_AT_S.contains(&at.as_second()) => Err(invalid(format!(
                "run_at: {at} is out of range; expected from 1970-01-01 to before 9999-01-01"
            ))),
            _ => Ok(()),
        }
    }
}

/// Seconds of 1970-01-01 and 9999-01-01.
const RUN_AT_S: std::ops::Range<i64> = 0..253_370_764_800;

fn invalid(problem: impl Into<String>) -> Error {
    Error::Invalid(problem.into())
}

fn check_word(what: &str, word: &str, longest: usize) -> Result<(), Error> {
    if word.is_empty() || word.len() > longest || word.chars().any(char::is_control) {
        return Err(invalid(format!(
            "{what}: expected 1 to {longest} bytes without control characters"
        )));
    }
    Ok(())
}

/// Refuses what Postgres would refuse or what would hurt it: size, depth, NUL, numbers beyond f64.
fn check_args(text: &str) -> Result<(), Error> {
    if text.len() > MAX_ARGS_BYTES {
        return Err(invalid(format!(
            "args: {} bytes of JSON, at most {MAX_ARGS_BYTES}; keep large data in a table and pass its key",
            text.len()
        )));
    }
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => {
                escaped = false;
            }
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_ARGS_DEPTH {
                    return Err(invalid(format!(
                        "args: nested deeper than {MAX_ARGS_DEPTH}"
                    )));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // serde_json writes NUL as this escape and no other way.
    if !nuls(text).is_empty() {
        return Err(invalid(
            "args: a string holds the character NUL, which Postgres cannot store",
        ));
    }
    Ok(())
}

/// Where in JSON text NUL stands: as its escape and not as an escaped backslash before `u0000`.
pub(crate) fn nuls(text: &str) -> Vec<usize> {
    let is_escape = |at: &usize| {
        let backslashes = text[..*at]
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        backslashes % 2 == 0
    };
    text.match_indices("\\u0000")
        .map(|(at, _)| at)
        .filter(is_escape)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(job: &NewJob) -> String {
        job.checked_args().expect_err("accepted").to_string()
    }

    #[test]
    fn args_beyond_the_bounds_are_refused_with_what_to_do() {
        let mut deep = json!(1);
        for _ in 0..65 {
            deep = json!([deep]);
        }

        assert!(
            refusal(&NewJob::new("a.b", &json!("x".repeat(MAX_ARGS_BYTES))))
                .contains("pass its key")
        );
        assert!(refusal(&NewJob::new("a.b", &deep)).contains("deeper than 64"));
        assert!(refusal(&NewJob::new("a.b", &json!({"x": "a\0b"}))).contains("NUL"));
        assert!(refusal(&NewJob::new("", &json!({}))).contains("kind"));
        assert!(refusal(&NewJob::new("a.b", &json!({})).max_attempts(0)).contains("1 to 1000"));
    }

    #[test]
    fn brackets_and_escapes_inside_strings_do_not_count() {
        let args = json!({"text": "[[[".repeat(100), "path": "C:\\u0000"});

        assert!(NewJob::new("a.b", &args).checked_args().is_ok());
    }
}
