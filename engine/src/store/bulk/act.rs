//! Act: one job of an act on many, by the verbs that single jobs have.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Result;
use crate::bulk::{BulkAct, BulkView};
use crate::control::Actor;
use crate::store::again::{self, Edit};
use crate::store::{cancel, delete, enqueue, retry};
use crate::worker::wake::ALL;

/// What jobs that were run again by an act on many are tagged with, before its id.
const TAG: &str = "bulk:";

/// What was done to one job.
#[derive(Debug, Default)]
pub(super) struct Acted {
    /// Queues that have work by it.
    pub(super) wake: Vec<String>,
    /// Its attempt runs, and is to be told to stop.
    pub(super) stop: bool,
    /// The job that runs now: itself, or the new one.
    pub(super) runs: Option<Uuid>,
}

/// Does it; `None` when the job has moved on. After an error the transaction, or what was done since its
/// last savepoint, must be rolled back.
pub(super) async fn act(
    conn: &mut PgConnection,
    bulk: &BulkView,
    id: Uuid,
) -> Result<Option<Acted>> {
    let on = |queue: String| Acted {
        wake: vec![queue],
        runs: Some(id),
        ..Acted::default()
    };
    Ok(match bulk.act {
        BulkAct::Retry => retry::reopen(conn, id).await?.map(on),
        BulkAct::RunNow => retry::hasten(conn, id).await?.map(on),
        BulkAct::RunAgain => run_again(conn, bulk, id).await?,
        BulkAct::Cancel => cancel::cancel(conn, id, &said(bulk))
            .await?
            .map(|done| Acted {
                wake: done.woken.into_iter().collect(),
                stop: done.requested,
                runs: None,
            }),
        BulkAct::Delete => {
            let actor =
                Actor::new(&bulk.requested_by, &bulk.requested_via).because(Some(&said(bulk)));
            let gone = delete::delete(conn, id, &actor).await?;
            (gone.jobs > 0).then(|| Acted {
                wake: (0..gone.opened).map(|_| ALL.to_owned()).collect(),
                ..Acted::default()
            })
        }
    })
}

async fn run_again(conn: &mut PgConnection, bulk: &BulkView, id: Uuid) -> Result<Option<Acted>> {
    let edit = bulk.patch.clone().map_or(Edit::None, Edit::Patch);
    let Some(mut job) = again::like(conn, id, edit, &bulk.requested_by).await? else {
        return Ok(None);
    };
    job.tags.retain(|tag| !tag.starts_with(TAG));
    job.tags.push(format!("{TAG}{}", bulk.id));
    job.checked_args()?;
    let stored = enqueue::enqueue(conn, std::slice::from_ref(&job), enqueue::Hint::Caller).await?;
    Ok(Some(Acted {
        wake: stored.wake,
        runs: Some(job.id),
        stop: false,
    }))
}

/// Why a job was cancelled, which the filter `error:` finds.
fn said(bulk: &BulkView) -> String {
    match &bulk.reason {
        Some(reason) => format!("bulk act {}: {reason}", bulk.id),
        None => format!("bulk act {}", bulk.id),
    }
}
