//! `lockstep version`.

use clap::Args;
use serde_json::json;

use crate::app::App;
use crate::output::Exit;

/// Nothing to say.
#[derive(Debug, Args)]
#[command(before_help = "Examples:\n  lockstep version -o json")]
pub(crate) struct Version {}

/// Does it.
pub(crate) fn run(app: &App, _: &Version) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    app.out.done(
        &format!("lockstep {version}"),
        version,
        &json!({"name": "lockstep", "version": version}),
    )?;
    Ok(Exit::Ok)
}
