//! The gate between a claim and its handler: jobs of a connection that is shut are put off, without an
//! attempt and without having had a slot for longer than a look.

use std::time::Duration;

use super::claim::Claimer;
use super::conclude::conclude;
use crate::breaker::PutOff;
use crate::store::claim::{Claimed, reach_disk};
use crate::store::settle::Settlement;
use crate::{Again, Failure};

impl Claimer {
    /// The jobs that may run. While it is not known what is shut, all may: the remote itself says no.
    pub(super) async fn let_pass(&self, claimed: Vec<Claimed>) -> Vec<Claimed> {
        if claimed.iter().all(|one| one.rate_keys().is_empty()) {
            return claimed;
        }
        let mut passed = Vec::with_capacity(claimed.len());
        for one in claimed {
            if one.rate_keys().is_empty() {
                passed.push(one);
                continue;
            }
            let job = one.fence.job_id;
            if let Err(error) = self.client.gates().meet(&one.kind).await {
                tracing::warn!(%error, job.kind = one.kind, "could not note that {} has rate keys", one.kind);
            }
            match self.client.gates().pass(job, one.rate_keys()).await {
                Ok(None) => passed.push(one),
                Ok(Some(put_off)) => self.put_off(one, &put_off).await,
                Err(error) => {
                    tracing::warn!(%error, job.id = %job, "could not ask whether the connection works");
                    passed.push(one);
                }
            }
        }
        passed
    }

    /// The jobs whose claims cannot be undone, where that matters: one that may run once only begins when
    /// its claim is on disk. The others may begin before.
    pub(super) async fn make_sure(&self, claimed: Vec<Claimed>) -> Vec<Claimed> {
        if claimed.iter().all(|one| one.max_attempts > 1) {
            return claimed;
        }
        let sure = async { reach_disk(&mut *self.hot.acquire().await?).await };
        let Err(error) = sure.await else {
            return claimed;
        };
        tracing::warn!(%error, "could not make sure of a claim; putting back what may run once only");
        let (once, rest): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|one| one.max_attempts <= 1);
        for one in once {
            let failure = Failure::new("not_begun", "the claim was not safe")
                .again(Again::Uncounted(Duration::from_secs(1)));
            self.put_back(one, failure, None).await;
        }
        rest
    }

    async fn put_off(&self, claimed: Claimed, put_off: &PutOff) {
        // Up to a fifth later, and half a second: not all should come back in the same instant.
        let chance = self.entropy.chance();
        let delay =
            put_off.delay.mul_f64(1.0 + chance / 5.0) + Duration::from_millis(500).mul_f64(chance);
        let failure = Failure::new(put_off.code, format!("{} is shut", put_off.key))
            .again(Again::Uncounted(delay));
        self.client.gates().awaited().add(&put_off.key);
        self.put_back(claimed, failure, Some(put_off.key.clone()))
            .await;
    }

    /// Settles a job that has not begun; `put_off_for` is what it waits for.
    async fn put_back(&self, claimed: Claimed, failure: Failure, put_off_for: Option<String>) {
        let attempt = self.attempt(claimed);
        if let Some(settlement) = conclude(&attempt, Err(failure), self.entropy.chance()) {
            let settlement = Settlement {
                outcome: if put_off_for.is_some() {
                    "put_off"
                } else {
                    settlement.outcome
                },
                put_off_for,
                ..settlement
            };
            // The settler ends only after the last of these senders is gone.
            let _ = self.settlements.send(settlement).await;
        }
    }
}
