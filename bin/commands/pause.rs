//! Pause and resume: the same two acts on queues, kinds and schedules.

use engine::PauseScope;
use serde_json::json;

use super::dry;
use crate::app::{App, Session};
use crate::cli::Change;
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Fault};

/// What a command pauses or resumes.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// What sort of thing.
    pub(super) scope: PauseScope,
    /// Its name.
    pub(super) name: &'a str,
    /// What it holds, as ` (3 due, 1 running)`; may be empty.
    pub(super) holds: String,
    /// The useful next command once it is resumed, as `Watch: lockstep queue list`.
    pub(super) next: String,
}

/// Stops it on every node.
pub(super) async fn pause(
    app: &App,
    session: &Session,
    subject: &Subject<'_>,
    change: &Change,
) -> anyhow::Result<()> {
    let (what, name, holds) = (subject.scope.as_str(), subject.name, &subject.holds);
    if dry(app, change, &format!("pause {what} {name}{holds}"))? {
        return Ok(());
    }
    let reason = change.reason.as_deref();
    let changed = session
        .client
        .pause(subject.scope, name, &app.actor(), reason)
        .await?;
    let said = match changed {
        true => format!("Paused {what} {name}{holds}."),
        false => format!("{} {name} was paused already.", capital(what)),
    };
    let words = format!("{said} Resume: lockstep {what} resume {name}");
    let value = json!({what: name, "paused": true, "changed": changed});
    app.out.done(&words, name, &value)?;
    Ok(())
}

/// Lets it go on.
pub(super) async fn resume(
    app: &App,
    session: &Session,
    subject: &Subject<'_>,
    change: &Change,
) -> anyhow::Result<()> {
    let (what, name, holds) = (subject.scope.as_str(), subject.name, &subject.holds);
    if dry(app, change, &format!("resume {what} {name}{holds}"))? {
        return Ok(());
    }
    let changed = session
        .client
        .resume(subject.scope, name, &app.actor_of(change))
        .await?;
    let words = match changed {
        true => format!("Resumed {what} {name}{holds}. {}", subject.next),
        false => format!("{} {name} was not paused.", capital(what)),
    };
    let value = json!({what: name, "paused": false, "changed": changed});
    app.out.done(&words, name, &value)?;
    Ok(())
}

/// A fault for a name that nobody has heard of, which is mostly a typing mistake.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> Fault {
    let fix = did_you_mean(name, known).unwrap_or_else(|| format!("lockstep {what} list"));
    Fault::new(Exit::NotFound, format!("no {what} is called {name:?}")).fix(fix)
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}
