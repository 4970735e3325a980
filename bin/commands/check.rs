//! `lockstep check`: every problem of a workers.toml at once, before a deploy finds the first.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::app::{App, known_kinds};
use crate::config::{self, Flags, Report, Severity};
use crate::output::{Exit, Format, plural};

/// Which file, and how strictly.
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:\n  lockstep check\n  lockstep check deploy/workers.toml --strict"
)]
pub(crate) struct Check {
    /// The file; that of --config, or ./workers.toml
    file: Option<PathBuf>,
    /// Warnings end with exit code 9
    #[arg(long)]
    strict: bool,
}

/// Does it.
pub(crate) fn run(app: &App, check: &Check) -> anyhow::Result<Exit> {
    let flags = Flags {
        config: check.file.clone().or_else(|| app.flags.config.clone()),
        ..app.flags.clone()
    };
    let registry = known_kinds();
    let (path, report, schedules) = match config::load(&flags, &app.env, &registry) {
        Ok((config, report)) => (config.path, report, config.schedules.len()),
        Err(config::Error::Invalid { path, report }) => (Some(path), report, 0),
        Err(error) => return Err(error.into()),
    };
    let Some(path) = path else {
        let words = "There is no workers.toml here: defaults, and no schedules.";
        app.out.done(
            words,
            "",
            &json!({"ok": true, "file": null, "problems": []}),
        )?;
        return Ok(Exit::Ok);
    };
    let name = path.display().to_string();
    if matches!(app.out.format, Format::Json | Format::Jsonl) {
        app.out.done("", "", &as_json(&name, &report))?;
    } else if report.problems().is_empty() {
        app.out.done(
            &format!("{name} is fine: {}.", plural(schedules, "schedule")),
            &name,
            &json!(null),
        )?;
    } else {
        app.out
            .data(&format!("{}\n\n", report.render(app.out.color_out)))?;
        app.out.note(&format!(
            "{name}: {}, {}",
            plural(report.errors(), "error"),
            plural(report.warnings(), "warning")
        ));
    }
    Ok(match (report.errors(), report.warnings()) {
        (0, warnings) if warnings > 0 && check.strict => Exit::Findings,
        (0, _) => Exit::Ok,
        _ => Exit::BadConfig,
    })
}

fn as_json(name: &str, report: &Report) -> serde_json::Value {
    let problems = report.problems().iter().map(|problem| {
        json!({
            "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
            "setting": problem.at,
            "position": report.position(problem),
            "message": problem.message,
            "expected": problem.label,
            "help": problem.help,
        })
    });
    let problems: Vec<_> = problems.collect();
    json!({"ok": report.errors() == 0, "file": name, "problems": problems})
}
