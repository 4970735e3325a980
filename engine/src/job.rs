//! What an enqueue can say, and what it answers.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::retry::{Backoff, Policy};
use crate::{Cx, Error, Failure, Outcome};

/// The largest args, as JSON text. More belongs in a table, with its key in the args.
pub const MAX_ARGS_BYTES: usize = 256 * 1024;
/// The deepest nesting of args.
pub const MAX_ARGS_DEPTH: usize = 64;

/// One kind of job: its args, its policy and its handler.
///
/// ```
/// use engine::{Cx, Failure, Job, Outcome};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Greet { name: String }
///
/// impl Job for Greet {
///     const KIND: &'static str = "demo.greet";
///     type Env = ();
///     type Error = Failure;
///
///     async fn run(self, _cx: Cx<()>) -> Result<Outcome, Failure> {
///         println!("hello {}", self.name);
///         Ok(Outcome::done())
///     }
/// }
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The kind's address, `system.name`.
    const KIND: &'static str;
    /// What its handler needs of the process: pools, clients.
    type Env: Clone + Send + Sync + 'static;
    /// What its handler fails with.
    type Error: Into<Failure> + Send;

    /// What the kind asks for unless its configuration or its enqueue says otherwise.
    fn policy() -> Policy {
        Policy::default()
    }

    /// Does one attempt.
    fn run(self, cx: Cx<Self::Env>) -> impl Future<Output = Result<Outcome, Self::Error>> + Send;
}

/// How long a unique key keeps twins away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueScope {
    /// Until its job is first claimed.
    Queued,
    /// Until its job has ended.
    QueuedOrRunning,
    /// For this long after the enqueue, whatever becomes of the job.
    Period(Duration),
}

/// What an enqueue does when its unique key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    /// Nothing: the twin stands for both.
    Keep,
    /// Gives the twin the new args if it has not started; queues one more after it if it has.
    ReplaceArgs,
    /// Queues one more after the twin if it has started; keeps it otherwise. At most one follows.
    RunAfter,
}

/// A unique key with its scope and what happens to a twin. Keys of different kinds never meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// At most 200 bytes.
    pub key: String,
    /// How long it holds.
    pub scope: UniqueScope,
    /// What the second enqueue does.
    pub twin: Twin,
}

/// When a job may first be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// So long after the database has it.
    After(Duration),
    /// At an instant.
    At(Timestamp),
}

/// A job to be enqueued. Everything but kind and args is optional; what is not said comes from the
/// kind's policy.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) args: Result<String, String>,
    pub(crate) queue: Option<String>,
    pub(crate) priority: Option<i16>,
    pub(crate) when: When,
    pub(crate) max_attempts: Option<u16>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) tags: Vec<String>,
    pub(crate) unique: Option<Unique>,
    pub(crate) idempotency: Option<(String, Duration)>,
    pub(crate) partition_key: Option<String>,
    pub(crate) rate_keys: Vec<String>,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) batch_id: Option<Uuid>,
    pub(crate) replayed_from: Option<Uuid>,
    pub(crate) trace_context: Option<String>,
    pub(crate) asked_by: Option<String>,
}

impl NewJob {
    /// A job of a kind known at compile time.
    pub fn of<J: Job>(args: &J) -> NewJob {
        NewJob::encoded(J::KIND, serde_json::to_string(args).map_err(|e| e.to_string()))
    }

    /// A job of a kind known only by name.
    pub fn new(kind: impl Into<String>, args: &Value) -> NewJob {
        NewJob::encoded(kind, Ok(args.to_string()))
    }

    fn encoded(kind: impl Into<String>, args: Result<String, String>) -> NewJob {
        NewJob {
            id: Uuid::now_v7(),
            kind: kind.into(),
            args,
            queue: None,
            priority: None,
            when: When::Now,
            max_attempts: None,
            timeout: None,
            backoff: None,
            tags: Vec::new(),
            unique: None,
            idempotency: None,
            partition_key: None,
            rate_keys: Vec::new(),
            parent_id: None,
            batch_id: None,
            replayed_from: None,
            trace_context: None,
            asked_by: None,
        }
    }

    /// The id the job will have. It is made here and not by the database, so that an enqueue whose
    /// answer was lost can be sent again and gives one job.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Another id than the one made for it.
    pub fn with_id(mut self, id: Uuid) -> NewJob {
        self.id = id;
        self
    }

    /// The lane to run in.
    pub fn queue(mut self, queue: impl Into<String>) -> NewJob {
        self.queue = Some(queue.into());
        self
    }

    /// Lower runs first; 0 is usual.
    pub fn priority(mut self, priority: i16) -> NewJob {
        self.priority = Some(priority);
        self
    }

    /// When it may first be claimed.
    pub fn when(mut self, when: When) -> NewJob {
        self.when = when;
        self
    }

    /// Attempts that may fail before the job is dead: 1 to 1000.
    pub fn max_attempts(mut self, max_attempts: u16) -> NewJob {
        self.max_attempts = Some(max_attempts);
        self
    }

    /// How long one attempt may take.
    pub fn timeout(mut self, timeout: Duration) -> NewJob {
        self.timeout = Some(timeout);
        self
    }

    /// How failed attempts are spaced.
    pub fn backoff(mut self, backoff: Backoff) -> NewJob {
        self.backoff = Some(backoff);
        self
    }

    /// A word to find it by.
    pub fn tag(mut self, tag: impl Into<String>) -> NewJob {
        self.tags.push(tag.into());
        self
    }

    /// Keeps twins away.
    pub fn unique(mut self, key: impl Into<String>, scope: UniqueScope, twin: Twin) -> NewJob {
        self.unique = Some(Unique { key: key.into(), scope, twin });
        self
    }

    /// The same key gives the same job for `keep`, however often it is asked and even after the job
    /// has ended.
    pub fn idempotency_key(mut self, key: impl Into<String>, keep: Duration) -> NewJob {
        self.idempotency = Some((key.into(), keep));
        self
    }

    /// What the job belongs to, for limits, order, fairness and the shard.
    pub fn partition_key(mut self, key: impl Into<String>) -> NewJob {
        self.partition_key = Some(key.into());
        self
    }

    /// The rate budgets it draws on.
    pub fn rate_key(mut self, key: impl Into<String>) -> NewJob {
        self.rate_keys.push(key.into());
        self
    }

    /// The job this one is a part of.
    pub fn parent(mut self, parent_id: Uuid) -> NewJob {
        self.parent_id = Some(parent_id);
        self
    }

    /// The batch it is in.
    pub fn batch(mut self, batch_id: Uuid) -> NewJob {
        self.batch_id = Some(batch_id);
        self
    }

    /// The W3C `traceparent` of whoever asked.
    pub fn trace_context(mut self, traceparent: impl Into<String>) -> NewJob {
        self.trace_context = Some(traceparent.into());
        self
    }

    /// Who asked, for people.
    pub fn asked_by(mut self, who: impl Into<String>) -> NewJob {
        self.asked_by = Some(who.into());
        self
    }

    /// The args as JSON text, or why the job cannot be accepted. Checked before anything is sent,
    /// so that bad input is an answer and never a database error.
    pub(crate) fn checked_args(&self) -> Result<&str, Error> {
        let args = self.args.as_ref().map_err(|e| invalid(format!("args: {e}")))?;
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
        if self.max_attempts.is_some_and(|n| !(1..=1000).contains(&n)) {
            return Err(invalid("max_attempts: expected 1 to 1000"));
        }
        if self.unique.is_some() && self.idempotency.is_some() {
            return Err(invalid("a job has a unique key or an idempotency key, not both"));
        }
        Ok(args)
    }
}

/// What became of one enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A new job.
    Inserted,
    /// The same id or idempotency key was enqueued before: that job.
    Existing,
    /// A twin holds the unique key and stands for this one.
    Kept,
    /// A twin holds the unique key and got the new args.
    Replaced,
    /// A twin with this unique key runs; this new job follows it.
    Follows,
}

/// The answer to one enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Enqueued {
    /// The job that stands for the request: the new one, or the twin.
    pub id: Uuid,
    /// What became of it.
    pub answer: Answer,
}

impl Answer {
    pub(crate) fn parse(word: &str) -> Answer {
        match word {
            "inserted" => Answer::Inserted,
            "kept" => Answer::Kept,
            "replaced" => Answer::Replaced,
            "follows" => Answer::Follows,
            _ => Answer::Existing,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Answer::Inserted => "inserted",
            Answer::Existing => "existing",
            Answer::Kept => "kept",
            Answer::Replaced => "replaced",
            Answer::Follows => "follows",
        })
    }
}

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
                    return Err(invalid(format!("args: nested deeper than {MAX_ARGS_DEPTH}")));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // serde_json writes NUL as this escape and no other way.
    if text.contains("\\u0000") && has_nul(text) {
        return Err(invalid("args: a string holds the character NUL, which Postgres cannot store"));
    }
    Ok(())
}

/// True when an escape of NUL is one, and not an escaped backslash before `u0000`.
fn has_nul(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let backslashes = text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        backslashes % 2 == 0
    })
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

        assert!(refusal(&NewJob::new("a.b", &json!("x".repeat(MAX_ARGS_BYTES)))).contains("pass its key"));
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
