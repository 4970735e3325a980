//! Waiting for a sync: its progress, and what keeps it from going on.

use std::time::Duration;

use engine::JobView;
use jobs::connection::{State as Standing, View, ops};
use jobs::soundtrack::CONNECTION;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, Fault, Progress, short};

/// How often a wait looks.
const LOOK: Duration = Duration::from_millis(200);

/// Watches a sync of Soundtrack until its job has ended.
pub(in crate::commands) async fn wait(
    app: &App,
    session: &Session,
    id: Uuid,
    patience: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<JobView> {
    let connections = [CONNECTION.to_owned()];
    wait_for(app, session, (id, &connections), patience, stop).await
}

/// Watches until the job has ended, or until one of the connections waits for a person.
pub(super) async fn wait_for(
    app: &App,
    session: &Session,
    (id, connections): (Uuid, &[String]),
    patience: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<JobView> {
    let deadline = tokio::time::Instant::now() + patience;
    let mut progress = Progress::new(&app.out);
    let ended = loop {
        let job = super::super::job::found(session, id).await?;
        if job.state.is_terminal() {
            break Ok(job);
        }
        if let Some(view) = held(session, connections).await? {
            break Err(waits(&view));
        }
        let parts = session.client.batches(id).await?;
        let (total, pending, dead) = parts.iter().fold((0, 0, 0), |sum, part| {
            (sum.0 + part.total, sum.1 + part.pending, sum.2 + part.dead)
        });
        let failed = if dead > 0 {
            format!(" {dead} failed")
        } else {
            String::new()
        };
        progress.at(
            u64::from((total - pending).unsigned_abs()),
            u64::from(total.max(1).unsigned_abs()),
            &format!("synced{failed}"),
        );
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = tokio::time::sleep_until(deadline) => {
                break Err(Fault::new(Exit::Timeout, format!("the sync has not ended after {}", short(patience))));
            }
            () = stop.cancelled() => break Err(Fault::new(Exit::Interrupted, "stopped waiting")),
        }
    };
    progress.finish();
    ended.map_err(|fault| match fault.fix {
        Some(_) => fault.into(),
        None => fault
            .why("its job is kept and goes on wherever a worker is")
            .fix(format!("lockstep job show {id}"))
            .into(),
    })
}

async fn held(session: &Session, connections: &[String]) -> anyhow::Result<Option<View>> {
    for name in connections {
        if let Some(view) = ops::held(&session.env.connections, name).await? {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// A wait that only a person can end is not worth waiting for.
fn waits(view: &View) -> Fault {
    let name = &view.name;
    let (exit, what, verb) = match view.state {
        Standing::NeedsReauthorisation => {
            (Exit::Forbidden, "needs another credential", "reauthorise")
        }
        _ => (Exit::Conflict, "is paused", "resume"),
    };
    let why = view.reason.as_deref().unwrap_or("nobody said why");
    Fault::new(exit, format!("the sync waits: {name} {what}"))
        .why(format!("{why}; its job is kept"))
        .fix(format!("lockstep connection {verb} {name}"))
}
