//! What a worker process may be told.

use std::time::Duration;

use crate::retention::Retention;

/// One lane a worker serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueOptions {
    /// Its name.
    pub name: String,
    /// Slots: how many attempts of this queue one process runs at a time.
    pub concurrency: usize,
}

impl QueueOptions {
    /// A queue with that many slots.
    pub fn new(name: impl Into<String>, concurrency: usize) -> QueueOptions {
        QueueOptions {
            name: name.into(),
            concurrency,
        }
    }
}

/// How a worker works. The defaults are for production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// What people see; the identity is a fresh UUID at every start.
    pub label: String,
    /// The lanes it serves.
    pub queues: Vec<QueueOptions>,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// How often leases are renewed; a third of the lease leaves room for two misses.
    pub heartbeat: Duration,
    /// How long an idle worker goes without asking while it gets no hints; five times as long while it
    /// does.
    pub poll: Duration,
    /// How often a service round comes; three times as seldom to look for lost leases, unless one ends before.
    pub service: Duration,
    /// How long a handler may take to notice that it was told to stop.
    pub grace: Duration,
    /// How long a graceful stop waits for running attempts before it tells them to stop.
    pub shutdown: Duration,
    /// How long ended jobs are kept.
    pub retention: Retention,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        WorkerOptions {
            label: "worker".into(),
            queues: vec![QueueOptions::new("default", 20)],
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            // A lease may outlast its end by two seconds where a worker does not know of it, or somebody held the job.
            service: Duration::from_millis(1_500),
            grace: Duration::from_secs(5),
            shutdown: Duration::from_secs(20),
            retention: Retention::default(),
        }
    }
}
