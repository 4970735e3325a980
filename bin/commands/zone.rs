//! `lockstep zone`: the music players of companies, as their last sync left them.

use clap::{Args, Subcommand};
use jobs::company;
use jobs::zone::{self, Filter, Status};

use super::job::list::more;
use crate::app::{App, Session};
use crate::config::suggest::did_you_mean;
use crate::output::{Exit, Fault, Row, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Zone {
    /// List zones in the order of their ids
    #[command(
        before_help = "Examples:\n  lockstep zone list --company-id 42\n  lockstep zone list --status offline -o csv",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one zone
    #[command(before_help = "Examples:\n  lockstep zone show 7 -o json")]
    Show(One),
}

/// Which zones.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this company
    #[arg(long, value_name = "ID")]
    company_id: Option<i64>,
    /// online, offline, no_device, pending or expired
    #[arg(long, value_parser = status)]
    status: Option<Status>,
    /// Only those that complete walks no longer find
    #[arg(long)]
    orphaned: bool,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One zone.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The zone
    id: i64,
}

/// Does it.
pub(crate) async fn run(app: &App, zone: Zone) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match zone {
        Zone::List(list) => self::list(app, &session, &list).await,
        Zone::Show(one) => show(app, &session, one.id).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    if let Some(id) = list.company_id {
        let company = company::get(&session.env.pool, id).await?;
        company.ok_or(jobs::Error::UnknownCompany(id))?;
    }
    let filter = Filter {
        company_id: list.company_id,
        status: list.status,
        orphaned: list.orphaned.then_some(true),
        after: list.after,
    };
    let page = zone::list(&session.env.pool, &filter, list.limit).await?;
    app.out
        .list(&page.data, "No zones. Sync them: lockstep sync soundtrack")?;
    more(app, &page, "--after");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = zone::get(&session.env.pool, id).await?.ok_or_else(|| {
        Fault::new(Exit::NotFound, format!("no zone {id}")).fix("lockstep zone list")
    })?;
    app.out.item(&found)?;
    Ok(())
}

fn status(word: &str) -> Result<Status, String> {
    let known = ["online", "offline", "no_device", "pending", "expired"];
    Status::parse(word).ok_or_else(|| did_you_mean(word, &known).unwrap_or_default())
}

impl Row for zone::Zone {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "COMPANY",
        "NAME",
        "STATUS",
        "DEVICE",
        "LAST_ONLINE",
        "SYNCED_AT",
        "ORPHANED_AT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.company_id.to_string(),
            self.name.clone(),
            self.status.as_str().to_owned(),
            self.device_name.clone().unwrap_or_else(|| "-".into()),
            instant_or_dash(self.last_seen_online),
            instant_or_dash(self.last_api_sync_at),
            instant_or_dash(self.orphaned_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
