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
use crate::{Cx, Failure, Outcome};

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
    /// The version of the list of steps of this code, for kinds that run in steps. Raise it when steps
    /// change what they give, or come in another order; jobs under way keep the version they began with.
    const STEPS_VERSION: u32 = 1;
    /// The oldest version that this code still finishes, by asking [`Cx::steps_version`]. A job on an
    /// older one dies and says why.
    const OLDEST_STEPS: u32 = 1;
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
    /// Until its job is claimed, and again while it is queued once more without an attempt that counts:
    /// put off, snoozing or given back, unless it has finished steps. When a twin was enqueued in
    /// between, both are queued, and stand for all who come later.
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
    /// To its connection, where its kind is limited per connection.
    pub(crate) partition_yields: bool,
    pub(crate) rate_keys: Vec<String>,
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) batch_id: Option<Uuid>,
    /// The batch that must end before the job may run.
    pub(crate) waits_for: Option<Uuid>,
    pub(crate) replayed_from: Option<Uuid>,
    pub(crate) trace_context: Option<String>,
    pub(crate) asked_by: Option<String>,
}

impl NewJob {
    /// A job of a kind known at compile time.
    pub fn of<J: Job>(args: &J) -> NewJob {
        NewJob::encoded(
            J::KIND,
            serde_json::to_string(args).map_err(|e| e.to_string()),
        )
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
            partition_yields: false,
            rate_keys: Vec::new(),
            parent_id: None,
            batch_id: None,
            waits_for: None,
            replayed_from: None,
            trace_context: None,
            asked_by: None,
        }
    }

    /// True for the few that the one statement for thousands does not do.
    pub(crate) fn needs_its_own_call(&self) -> bool {
        self.unique.is_some() || self.idempotency.is_some() || self.waits_for.is_some()
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
        self.unique = Some(Unique {
            key: key.into(),
            scope,
            twin,
        });
        self
    }

    /// The same key gives the same job for `keep`, however often it is asked and even after the job
    /// has ended.
    pub fn idempotency_key(mut self, key: impl Into<String>, keep: Duration) -> NewJob {
        self.idempotency = Some((key.into(), keep));
        self
    }

    /// What the job belongs to, for limits, order, fairness and the shard. Refused for a kind that is limited
    /// per connection ([`crate::Limits::per_connection`]), whose jobs have their connection for it.
    pub fn partition_key(mut self, key: impl Into<String>) -> NewJob {
        self.partition_key = Some(key.into());
        self.partition_yields = false;
        self
    }

    /// [`NewJob::partition_key`] for callers that do not know how the kind is limited: per connection, the job's
    /// connection stands in its place.
    pub fn usual_partition_key(mut self, key: impl Into<String>) -> NewJob {
        self.partition_key = Some(key.into());
        self.partition_yields = true;
        self
    }

    /// The rate budgets it draws on, its connection first.
    pub fn rate_key(mut self, key: impl Into<String>) -> NewJob {
        self.rate_keys.push(key.into());
        self
    }

    /// The job this one is a part of.
    pub fn parent(mut self, parent_id: Uuid) -> NewJob {
        self.parent_id = Some(parent_id);
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
