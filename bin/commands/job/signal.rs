//! `lockstep job signal`: tell a job something that it waits for, or will.

use clap::Args;
use engine::Told;
use serde_json::json;
use uuid::Uuid;

use super::super::asked;
use super::super::enqueue::json_of;
use super::found;
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::output::{Exit, Fault};

/// A signal.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The job
    #[arg(value_parser = crate::commands::id)]
    id: Uuid,
    /// What it listens for
    name: String,
    /// What to tell with it: JSON, @file, or - for stdin
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// Tells it. The first word of a name stands, so that telling twice is no fault; a job that has ended
/// hears nothing, which is one.
pub(super) async fn tell(app: &App, session: &Session, signal: &Signal) -> anyhow::Result<Exit> {
    let Signal {
        id, name, change, ..
    } = signal;
    let payload = signal.payload.as_deref();
    let payload = payload
        .map(|word| json_of(word, "the payload is", "--payload '{\"by\": \"ann\"}'"))
        .transpose()?;
    // Also a dry run asks the database, and is refused where the signal would be.
    let what = (name.as_str(), payload.as_ref());
    let told = audited::signal(&session.client, *id, what, &asked(app, change)).await?;
    let words = match (told, change.dry_run) {
        (Told::Ended, _) => return Err(ended(session, *id).await?.into()),
        (Told::Sent, true) => format!("Would tell job {id} {name}. Nothing was changed."),
        (Told::Already, true) => {
            format!("Would change nothing: job {id} was told {name} before, and that stands.")
        }
        (Told::Sent, false) => {
            format!("Told job {id} {name}. See how it goes: lockstep job show {id}")
        }
        (Told::Already, false) => {
            format!("Job {id} was told {name} before, or ran out of time for it; that stands.")
        }
    };
    let mut value = json!({"id": id, "signal": name, "answer": told});
    if change.dry_run {
        value["dry_run"] = true.into();
    }
    app.out.done(&words, &id.to_string(), &value)?;
    Ok(Exit::Ok)
}

async fn ended(session: &Session, id: Uuid) -> anyhow::Result<Fault> {
    let job = found(session, id).await?;
    Ok(
        Fault::new(Exit::Conflict, format!("job {id} hears nothing any more"))
            .why(format!("it is {}", job.label))
            .fix(format!("lockstep job show {id}")),
    )
}
