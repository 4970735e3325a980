//! What was looked at, how it is, and what to do.

use serde::Serialize;

use crate::app::App;
use crate::output::{Format, Row};

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Health {
    Good,
    Remark,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) health: Health,
    check: &'static str,
    found: String,
    fix: Option<String>,
}

impl Finding {
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Finding {
        Finding {
            health: Health::Good,
            check,
            found: found.into(),
            fix: None,
        }
    }

    pub(super) fn remark(
        check: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            health: Health::Remark,
            check,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }

    pub(super) fn bad(
        check: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            health: Health::Bad,
            check,
            found: found.into(),
            fix: Some(fix.into()),
        }
    }
}

pub(super) fn show(app: &App, findings: &[Finding]) -> anyhow::Result<()> {
    if app.out.format != Format::Table {
        app.out.list(findings, "")?;
        return Ok(());
    }
    let mut text = String::new();
    for finding in findings {
        let (mark, color) = match finding.health {
            Health::Good => ("✓", "32"),
            Health::Remark => ("!", "33"),
            Health::Bad => ("✗", "31"),
        };
        let mark = if app.out.color_out {
            format!("\u{1b}[{color};1m{mark}\u{1b}[0m")
        } else {
            mark.to_owned()
        };
        text.push_str(&format!(
            "{mark} {:<12} {}\n",
            finding.check,
            crate::output::clean(&finding.found)
        ));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("  {:<12} → {}\n", "", crate::output::clean(fix)));
        }
    }
    app.out.data(&text)?;
    Ok(())
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["HEALTH", "CHECK", "FOUND", "FIX"];

    fn cells(&self) -> Vec<String> {
        let health = match self.health {
            Health::Good => "good",
            Health::Remark => "remark",
            Health::Bad => "bad",
        };
        let fix = self.fix.clone().unwrap_or_else(|| "-".into());
        vec![
            health.to_owned(),
            self.check.to_owned(),
            self.found.clone(),
            fix,
        ]
    }

    fn name(&self) -> String {
        self.check.to_owned()
    }
}
