//! The wait for a sync: until it has ended, or until only a person can end the wait.

use std::time::Duration;

use engine::{BreakerState, JobView};
use jobs::connection::{State, View, ops};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, Fault, Progress, short};

/// How often a wait looks.
const LOOK: Duration = Duration::from_millis(200);

/// A sync that somebody waits for.
pub(in crate::commands) struct Watched {
    pub(in crate::commands) job: Uuid,
    /// The connections that it goes over.
    pub(in crate::commands) over: Vec<String>,
    pub(in crate::commands) patience: Duration,
}

/// How far its parts are.
#[derive(Default)]
struct Parts {
    total: i32,
    pending: i32,
    dead: i32,
}

/// Watches until the job has ended.
pub(in crate::commands) async fn wait(
    app: &App,
    session: &Session,
    watched: &Watched,
    stop: &CancellationToken,
) -> anyhow::Result<JobView> {
    let (id, patience) = (watched.job, watched.patience);
    let deadline = tokio::time::Instant::now() + patience;
    let mut progress = Progress::new(&app.out);
    let mut shut = None;
    let ended = loop {
        let job = super::super::job::found(session, id).await?;
        if job.state.is_terminal() {
            break Ok(job);
        }
        let parts = parts(session, id).await?;
        let held = ops::held(&session.env.connections, &watched.over).await?;
        if let Some(view) = held.first()
            && is_vain(&parts, held.len(), watched.over.len())
        {
            break Err(of_held(view));
        }
        shut = shut_one(session, &watched.over).await?;
        let mut words = match parts.dead {
            0 => "synced".to_owned(),
            dead => format!("synced {dead} failed"),
        };
        if let Some(name) = &shut {
            words.push_str(&format!(", the breaker of {name} is open"));
        }
        progress.at(
            u64::from((parts.total - parts.pending).unsigned_abs()),
            u64::from(parts.total.max(1).unsigned_abs()),
            &words,
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
    ended.map_err(|fault| match (&fault.fix, shut) {
        (Some(_), _) => fault.into(),
        (None, Some(name)) => fault
            .why(format!(
                "the breaker of {name} is open: its calls fail, or a person opened it; the job is kept"
            ))
            .fix(format!("lockstep connection test {name}; lockstep breaker list"))
            .into(),
        (None, None) => fault
            .why("its job is kept and goes on wherever a worker is")
            .fix(format!("lockstep job show {id}"))
            .into(),
    })
}

async fn parts(session: &Session, id: Uuid) -> anyhow::Result<Parts> {
    let mut parts = Parts::default();
    for one in session.client.batches(id).await? {
        parts.total += one.total;
        parts.pending += one.pending;
        parts.dead += one.dead;
    }
    Ok(parts)
}

/// One of the connections whose breaker holds its jobs back.
async fn shut_one(session: &Session, over: &[String]) -> anyhow::Result<Option<String>> {
    let breakers = session.client.breakers().await?.into_iter();
    let shut = breakers.filter(|one| one.state != BreakerState::Closed);
    let mut names = shut.map(|one| one.connection);
    Ok(names.find(|name| over.contains(name)))
}

/// All that is left waits for a person. Of a sync over several connections each has one part, and those
/// over the others go on meanwhile.
fn is_vain(parts: &Parts, held: usize, over: usize) -> bool {
    held == over || (parts.total > 0 && usize::try_from(parts.pending).is_ok_and(|n| n <= held))
}

/// A wait that only a person can end is not worth waiting for.
fn of_held(view: &View) -> Fault {
    let name = &view.name;
    let (exit, what, verb) = match view.state {
        State::NeedsReauthorisation => (Exit::Forbidden, "needs another credential", "reauthorise"),
        _ => (Exit::Conflict, "is paused", "resume"),
    };
    let why = view.reason.as_deref().unwrap_or("nobody said why");
    Fault::new(exit, format!("the sync waits: {name} {what}"))
        .why(format!("{why}; its job is kept"))
        .fix(format!("lockstep connection {verb} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_vain_once_all_that_is_left_waits_for_a_person() {
        let parts = |total, pending| Parts {
            total,
            pending,
            dead: 0,
        };
        let table = [
            // One connection, which is held: with parts or without.
            (parts(0, 0), 1, 1, true),
            (parts(40, 40), 1, 1, true),
            // One of three: its parts are not made yet, two go on, one is left.
            (parts(0, 0), 1, 3, false),
            (parts(3, 3), 1, 3, false),
            (parts(3, 1), 1, 3, true),
            (parts(3, 3), 3, 3, true),
        ];
        for (parts, held, over, expected) in table {
            assert_eq!(is_vain(&parts, held, over), expected, "{held} of {over}");
        }
    }
}
