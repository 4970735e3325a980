//! Health: the breaker of a connection hears how each call of a job went.

use connectors::Verdict;
use engine::Cx;

use crate::{Env, verdict};

/// The breaker is a help: that it cannot be told is no fault of the job.
pub(crate) async fn tell(cx: &Cx<Env>, connection: &str, verdict: &Verdict) {
    let health = verdict::health(verdict);
    let told = cx
        .client()
        .report_health(connection, cx.job_id(), health)
        .await;
    if let Err(error) = told {
        tracing::debug!(error = %error, "could not tell the breaker how a call ended");
    }
}
