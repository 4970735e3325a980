//! The registry: which handler runs which kind, and under which policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::cx::{Attempt, Cx};
use crate::flow::StepVersions;
use crate::{Again, Client, Entropy, Failure, Job, Outcome, Policy};

type Answer = Result<Outcome, Failure>;
type Run =
    dyn Fn(Arc<Attempt>, String, Client, Entropy) -> BoxFuture<'static, Answer> + Send + Sync;

#[derive(Clone)]
struct Entry {
    policy: Policy,
    steps: StepVersions,
    run: Arc<Run>,
}

/// The kinds a worker knows. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<BTreeMap<String, Entry>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}

impl Registry {
    /// Knows nothing.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a kind with what its handler needs.
    #[must_use]
    pub fn with<J: Job>(mut self, env: J::Env) -> Registry {
        let run = move |attempt: Arc<Attempt>, args: String, client: Client, entropy: Entropy| {
            let cx = Cx::new(attempt, client, entropy, env.clone());
            match serde_json::from_str::<J>(&args) {
                Ok(job) => async move { job.run(cx).await.map_err(Into::into) }.boxed(),
                Err(error) => std::future::ready(Err(undecodable::<J>(&error))).boxed(),
            }
        };
        let entry = Entry {
            policy: J::policy(),
            steps: StepVersions {
                current: J::STEPS_VERSION,
                oldest: J::OLDEST_STEPS.min(J::STEPS_VERSION),
            },
            run: Arc::new(run),
        };
        Arc::make_mut(&mut self.entries).insert(J::KIND.to_owned(), entry);
        self
    }

    /// Changes the policy of a kind; false when the kind is not known.
    pub fn set_policy(&mut self, kind: &str, policy: Policy) -> bool {
        match Arc::make_mut(&mut self.entries).get_mut(kind) {
            Some(entry) => {
                entry.policy = policy;
                true
            }
            None => false,
        }
    }

    /// The kinds, in order.
    pub fn kinds(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The kinds with their policies, in order.
    pub fn policies(&self) -> Vec<(String, Policy)> {
        self.entries
            .iter()
            .map(|(kind, entry)| (kind.clone(), entry.policy.clone()))
            .collect()
    }

    /// The policy of a kind; the default for one that is not known.
    pub fn policy(&self, kind: &str) -> Policy {
        self.entries
            .get(kind)
            .map(|entry| entry.policy.clone())
            .unwrap_or_default()
    }

    /// The versions of a kind's steps that this build knows.
    pub(crate) fn steps(&self, kind: &str) -> StepVersions {
        let first = StepVersions {
            current: 1,
            oldest: 1,
        };
        self.entries.get(kind).map_or(first, |entry| entry.steps)
    }

    pub(super) fn call(
        &self,
        attempt: Arc<Attempt>,
        args: String,
        client: Client,
        entropy: Entropy,
    ) -> BoxFuture<'static, Answer> {
        match self.entries.get(&attempt.kind) {
            Some(entry) => (entry.run)(attempt, args, client, entropy),
            // Claims name the kinds that are known, so only a changed registry can get here.
            None => std::future::ready(Err(Failure::new(
                "unknown_kind",
                format!("no handler for {}", attempt.kind),
            )))
            .boxed(),
        }
    }
}

/// Another try reads the same args: dead at once, args kept for a person to mend.
fn undecodable<J: Job>(error: &serde_json::Error) -> Failure {
    Failure::new(
        "bad_args",
        format!("args are not those of {}: {error}", J::KIND),
    )
    .again(Again::Never)
}
