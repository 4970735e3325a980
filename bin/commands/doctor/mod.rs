//! `lockstep doctor`: is everything as it should be, and what to do where it is not.

mod checks;
mod finding;

use clap::{Args, Subcommand};

use crate::app::{App, Session};
use crate::database::Owner;
use crate::output::{Exit, Fault, plural};
use checks::{
    alerts, clock, connections, database, durability, queues, schedules, verify, workers,
};
use finding::{Finding, Health, show};

/// What to look at.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep doctor\n  lockstep doctor -o json",
    after_help = "Exit code 9 when something is wrong (✗). Remarks (!) end with 0."
)]
pub(crate) struct Doctor {
    #[command(subcommand)]
    deeper: Option<Deeper>,
}

#[derive(Debug, Subcommand)]
enum Deeper {
    /// Check the engine's promises on every row of a live database
    #[command(before_help = "Examples:\n  lockstep doctor verify")]
    Verify,
}

/// Does it.
pub(crate) async fn run(app: &App, doctor: Doctor) -> anyhow::Result<Exit> {
    let mut findings = Vec::new();
    match app.open(2, Owner::Borrow).await {
        Ok(session) => {
            if session.database.is_private() {
                // Ours alone: nobody else could be surprised.
                session.migrate().await?;
            }
            match doctor.deeper {
                Some(Deeper::Verify) => verify(&session, &mut findings).await,
                None => examine(&session, &mut findings).await,
            }?;
            session.close().await?;
        }
        Err(error) => {
            let fault = Fault::of(&error);
            if fault.exit == Exit::BadConfig {
                return Err(error);
            }
            let found = fault
                .why
                .map_or(fault.what.clone(), |why| format!("{}: {why}", fault.what));
            findings.push(Finding::bad(
                "database",
                found,
                fault.fix.unwrap_or_default(),
            ));
        }
    }
    show(app, &findings)?;
    let is_bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if is_bad { Exit::Findings } else { Exit::Ok })
}

async fn examine(session: &Session, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    findings.push(database(session).await?);
    let engine = session.client.pending_migrations().await?;
    let sync = jobs::pending_migrations(session.client.pool()).await?;
    let pending = engine.len() + sync.len();
    if pending > 0 {
        let found = format!("{} to apply", plural(pending, "migration"));
        findings.push(Finding::bad("migrations", found, "lockstep migrate"));
        // Without its tables nothing below could be asked.
        return Ok(());
    }
    findings.push(Finding::good("migrations", "none to apply"));
    findings.push(durability(session).await?);
    findings.push(clock(session).await?);
    findings.push(workers(session).await?);
    queues(session, findings).await?;
    schedules(session, findings).await?;
    alerts(session, findings).await?;
    connections(session, findings).await?;
    Ok(())
}
