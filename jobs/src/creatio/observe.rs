//! `creatio.observe`: what Creatio has of one stream, and which of its records must be looked at.

use std::sync::Arc;
use std::time::Duration;

use engine::{Backoff, Cx, Job, Outcome, Policy};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::stream::Records;
use super::{Sort, mapping};
use crate::flow::pull::pull;
use crate::quarantine::Named;
use crate::run::Run;
use crate::{Env, Error};

/// Reads a stream of Creatio's page by page, and marks what differs from what was seen before. Nothing else is
/// changed here: that is for [`Reconcile`](super::Reconcile).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observe {
    /// The connection: `creatio/acme`.
    pub connection: String,
    pub stream: Sort,
    /// Only what was modified since last time. What is deleted is noticed by a walk over everything.
    #[serde(default)]
    pub changed: bool,
}

impl Job for Observe {
    const KIND: &'static str = "creatio.observe";
    type Env = Env;
    type Error = Error;

    fn policy() -> Policy {
        Policy {
            max_attempts: 8,
            timeout: Duration::from_secs(300),
            backoff: Backoff {
                base_ms: 10_000,
                factor: 2.0,
                max_ms: 1_800_000,
            },
            ..Policy::default()
        }
    }

    async fn run(self, cx: Cx<Env>) -> Result<Outcome, Error> {
        match self.stream {
            Sort::Contact => self.of::<0>(&cx).await,
            Sort::Lead => self.of::<1>(&cx).await,
            Sort::Activity => self.of::<2>(&cx).await,
            Sort::Participant => self.of::<3>(&cx).await,
        }
    }
}

impl Observe {
    async fn of<const NTH: usize>(self, cx: &Cx<Env>) -> Result<Outcome, Error> {
        let mapping = mapping::in_force(cx.env(), &self.connection, false).await?;
        if mapping.sort(self.stream).is_none() {
            return Ok(Outcome::done_with(json!({"seen": 0}))?);
        }
        let stream =
            Records::<NTH>::new(cx.env(), &self.connection, &mapping, self.changed).await?;
        let conclude = Arc::new(|run: &Run, _: &[Named]| {
            Ok(Outcome::done_with(json!({
                "seen": run.counters.synced(), "changed": run.counters.created + run.counters.updated + run.counters.revived,
                "gone": run.orphaned, "held": run.held, "failed": run.counters.quarantined,
            }))?)
        });
        pull(cx, &stream, conclude).await
    }
}
