//! `lockstep migrate`: bring the database up to date.

use clap::Args;
use serde_json::json;

use super::dry;
use crate::app::App;
use crate::cli::Change;
use crate::database::Owner;
use crate::output::{Exit, plural};

/// How.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep migrate --dry-run\n  lockstep migrate --database-url postgres://lockstep@db/lockstep"
)]
pub(crate) struct Migrate {
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, migrate: Migrate) -> anyhow::Result<Exit> {
    let session = app.open(2, Owner::Borrow).await?;
    let engine = session.client.pending_migrations().await?;
    let sync = jobs::pending_migrations(session.client.pool()).await?;
    let pending = engine.len() + sync.len();
    let what = format!(
        "apply {} (engine {engine:?}, sync {sync:?})",
        plural(pending, "migration")
    );
    if pending == 0 {
        app.out
            .done("The database is up to date.", "", &json!({"applied": 0}))?;
    } else if !dry(app, &migrate.change, &what)? {
        session.migrate().await?;
        let words = format!(
            "Applied {}. Check it: lockstep doctor",
            plural(pending, "migration")
        );
        app.out
            .done(&words, &pending.to_string(), &json!({"applied": pending}))?;
    }
    session.close().await?;
    Ok(Exit::Ok)
}
