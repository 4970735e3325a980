//! The demo's settings, as anybody would write them: in a file, so that the commands of another terminal know the
//! same connections. Their secrets are sealed in the demo's database, by a key beside that file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine::Actor;
use secrecy::SecretString;
use sim::soundtrack::Simulator;

use super::systems::Systems;
use super::world::REFILL;
use crate::app::{Session, known_kinds};
use crate::audited::{self, Asked};
use crate::config::{self, Config};

/// What the demo runs.
const WORKERS: &str = include_str!("workers.toml");
/// Opens nothing but the demo's own database.
const KEY: &str = "demo:6c6f636b737465702064656d6f206b65792c206f70656e73206e6f7468696e67";

/// Where they are, for another terminal.
pub(super) fn path(home: &Path) -> PathBuf {
    home.join("workers.toml")
}

/// Writes them and reads them.
pub(super) fn write(
    home: &Path,
    simulator: &Simulator,
    systems: &Systems,
) -> anyhow::Result<Config> {
    let (key, token) = (home.join("key"), home.join("soundtrack-token"));
    let text = format!(
        "{WORKERS}\n[credentials]\nkey_file = {}\n\n[connections]\nloopback = true\n\
         \n[connections.\"{}\"]\nbase_url = \"{}\"\ntoken_file = {}\npage_size = 20\nrefill = {REFILL:.1}\n{}",
        quoted(&key),
        jobs::soundtrack::CONNECTION,
        simulator.url(),
        quoted(&token),
        systems.settings(),
    );
    let path = path(home);
    for (file, text) in [(&key, KEY), (&token, simulator.token()), (&path, &text)] {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let (config, report) = config::parse("the demo's workers.toml", &text, &known_kinds());
    let mut config = config.with_context(|| report.render(false))?;
    config.worker.label = "demo".into();
    Ok(config)
}

/// Seals the secrets of the connections. Soundtrack's token is in a file, so that a variable of somebody's own
/// environment is not asked for it.
pub(super) async fn seal(session: &Session, systems: &Systems) -> anyhow::Result<()> {
    let all = &session.env.connections;
    all.declare().await?;
    let asked = Asked {
        by: Actor::new("demo", "cli"),
        aside: None,
        dry_run: false,
    };
    for (name, field, secret) in systems.secrets() {
        let secret = SecretString::from(secret);
        audited::set_secret(&session.client, all, (name, field, &secret), &asked).await?;
    }
    // The simulators of an earlier demo took their tokens with them, and may have parked a connection as they went.
    for one in all.declared() {
        audited::reauthorise(&session.client, all, (&one.name, None), &asked).await?;
    }
    Ok(())
}

/// For TOML.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}
