//! `lockstep audit`: who changed what, how and why.

use clap::{Args, Subcommand};
use engine::{AuditEntry, Cursor};

use super::job::list::more;
use crate::app::App;
use crate::output::{Exit, Row, instant, long};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List changes, newest first
    #[command(
        before_help = "Examples:\n  lockstep audit list --target 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88",
        visible_alias = "ls"
    )]
    List(List),
}

/// Which changes.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// To this job, queue, schedule, token or company
    #[arg(long)]
    target: Option<String>,
    /// Older than this row: the next page
    #[arg(long, value_name = "ID")]
    before: Option<Cursor<i64>>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// Does it.
pub(crate) async fn run(app: &App, audit: Audit) -> anyhow::Result<Exit> {
    let Audit::List(list) = audit;
    let session = app.connect().await?;
    let page = session
        .client
        .audit_page(list.target.as_deref(), list.before.as_ref(), list.limit)
        .await;
    session.close().await?;
    let page = page?;
    app.out.list(&page.data, "Nothing was changed yet.")?;
    more(app, &page, "--before");
    Ok(Exit::Ok)
}

impl Row for AuditEntry {
    const COLUMNS: &'static [&'static str] = &["AT", "ACTOR", "VIA", "ACTION", "TARGET", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        vec![
            instant(self.at),
            self.actor.clone(),
            self.via.clone(),
            self.action.clone(),
            self.target.clone(),
            self.detail
                .as_ref()
                .map_or_else(|| "-".into(), |detail| long(&detail.to_string(), 100)),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
