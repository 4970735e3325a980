//! The gate between a claim and its handler: jobs of a connection that is shut are put off, without an
//! attempt and without having had a slot for longer than a look.

use super::claim::Claimer;
use super::conclude::conclude;
use crate::breaker::PutOff;
use crate::store::claim::Claimed;
use crate::store::settle::Settlement;
use crate::{Again, Failure};

impl Claimer {
    /// The jobs that may run. While it is not known what is shut, all may: the remote itself says no.
    pub(super) async fn let_pass(&self, claimed: Vec<Claimed>) -> Vec<Claimed> {
        if claimed.iter().all(|one| one.rate_keys.is_empty()) {
            return claimed;
        }
        let mut passed = Vec::with_capacity(claimed.len());
        for one in claimed {
            if one.rate_keys.is_empty() {
                passed.push(one);
                continue;
            }
            let job = one.fence.job_id;
            if let Err(error) = self.client.gates().meet(&one.kind).await {
                tracing::warn!(%error, job.kind = one.kind, "could not note that {} has rate keys", one.kind);
            }
            match self.client.gates().pass(job, &one.rate_keys).await {
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

    async fn put_off(&self, claimed: Claimed, put_off: &PutOff) {
        // Up to a fifth later, and half a second: not all should come back in the same instant.
        let chance = self.entropy.chance();
        let delay = put_off.delay.mul_f64(1.0 + chance / 5.0)
            + std::time::Duration::from_millis(500).mul_f64(chance);
        let failure = Failure::new(put_off.code, format!("{} is shut", put_off.key))
            .again(Again::Uncounted(delay));
        let attempt = self.attempt(claimed);
        if let Some(settlement) = conclude(&attempt, Err(failure), chance) {
            let settlement = Settlement {
                outcome: "put_off",
                ..settlement
            };
            // The settler ends only after the last of these senders is gone.
            let _ = self.settlements.send(settlement).await;
        }
    }
}
