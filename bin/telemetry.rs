//! Logs, on stderr: lines for a person, JSON for a machine.

use std::io::IsTerminal;

use engine::Logs;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::Command;
use crate::config::Environment;

/// How much is logged unless the environment says otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detail(&'static str);

impl Detail {
    /// Services tell what they do; a command's own words are enough, so it only logs what went wrong.
    pub(crate) fn of(command: &Command, verbose: u8) -> Detail {
        let is_service = matches!(command, Command::Serve(_) | Command::Work(_));
        Detail(match (is_service, verbose) {
            (true, 0) => "info,sqlx=warn",
            (false, 0) => "off",
            (false, 1) => "warn,lockstep=info,engine=info,jobs=info",
            (true, 1) => "info,lockstep=debug,engine=debug,jobs=debug",
            _ => "debug,hyper=info,h2=info",
        })
    }
}

/// Starts logging for this process, and what keeps the logs of attempts, which gathers nothing until it
/// is started. An unreadable filter falls back to the usual one.
pub(crate) fn start(env: &Environment, detail: Detail) -> Logs {
    let wanted = env
        .log_filter()
        .and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = wanted.unwrap_or_else(|| EnvFilter::new(detail.0));
    let is_terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(is_terminal && !env.no_color());
    let lines = if is_terminal {
        lines.compact().with_target(false).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed()
    };
    let logs = Logs::new();
    // A second subscriber can only be a test's; it may stay.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(logs.layer().filtered())
        .try_init();
    logs
}
