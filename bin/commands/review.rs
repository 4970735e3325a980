//! `lockstep review`: profiles of which a person must say which customer of the CRM they are.

use clap::{Args, Subcommand};
use jobs::packages::{Review, review};
use serde_json::json;
use uuid::Uuid;

use super::job::list::more;
use super::{asked, dry, id};
use crate::app::{App, Session};
use crate::audited::{self, Said};
use crate::cli::Change;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Reviews {
    /// List those that wait for a person, oldest first
    #[command(
        before_help = "Examples:\n  lockstep review list\n  lockstep review list --all --profile 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one with its candidates
    #[command(
        before_help = "Examples:\n  lockstep review show 7\n  lockstep review show 7 -o json"
    )]
    Show(One),
    /// The profile is that candidate; its packages are synced at once
    #[command(
        before_help = "Examples:\n  lockstep review accept 7 --customer 4711 --dry-run\n  lockstep review accept 7 --customer 4711 --reason 'asked at the desk'"
    )]
    Accept(Accept),
    /// The profile is none of the candidates, and none of them is suggested for it again
    #[command(
        before_help = "Examples:\n  lockstep review reject 7 --reason 'her brother has the number'"
    )]
    Reject(Act),
}

/// Which reviews.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that are decided too
    #[arg(long)]
    all: bool,
    /// Of this profile
    #[arg(long, value_name = "ID", value_parser = id)]
    profile: Option<Uuid>,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One review.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The review
    id: i64,
}

/// Which candidate, and why.
#[derive(Debug, Args)]
pub(crate) struct Accept {
    /// The review
    id: i64,
    /// The CRM's id of a candidate; the only one need not be named
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// One review, and why.
#[derive(Debug, Args)]
pub(crate) struct Act {
    /// The review
    id: i64,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, reviews: Reviews) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match reviews {
        Reviews::List(it) => list(app, &session, &it).await,
        Reviews::Show(it) => show(app, &session, it.id).await,
        Reviews::Accept(it) => {
            let said = Said::Accept(it.customer);
            decide(app, &session, (it.id, said), &it.change).await
        }
        Reviews::Reject(it) => decide(app, &session, (it.id, Said::Reject), &it.change).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let of = ((!list.all).then_some("open"), list.profile);
    let page = review::list(&session.env.pool, of, list.after, list.limit).await?;
    app.out.list(&page.data, "No profile waits for a person.")?;
    more(app, &page, "--after");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = review::show(&session.env.pool, id).await?;
    app.out.item(&found)?;
    if found.status == "open" {
        app.out.next(&format!(
            "It is one of them: lockstep review accept {id} --customer ID. It is none: lockstep review reject {id}"
        ));
    }
    Ok(())
}

async fn decide(
    app: &App,
    session: &Session,
    (id, said): (i64, Said),
    change: &Change,
) -> anyhow::Result<()> {
    // Also a dry run asks the database, and is refused where the change would be.
    let reason = change.reason.as_deref();
    let by = asked(app, change);
    let done = audited::decide_review(&session.client, (id, &said), reason, &by).await?;
    let what = match &done.customer_id {
        Some(customer) => format!("link profile {} to customer {customer}", done.profile_id),
        None => format!(
            "link profile {} to none of its candidates, now or later",
            done.profile_id
        ),
    };
    if dry(app, change, &what)? {
        return Ok(());
    }
    let words = match &done.customer_id {
        Some(customer) => format!(
            "Profile {} is customer {customer}. Its packages are being synced.",
            done.profile_id
        ),
        None => format!("Profile {} is none of these customers.", done.profile_id),
    };
    app.out.done(&words, &id.to_string(), &json!(done))?;
    Ok(())
}

/// The candidates in one cell: the likeliest first.
fn candidates(review: &Review) -> String {
    let all = review.candidates.as_array().into_iter().flatten();
    let told = all.map(|one| {
        let text = |field: &str| one[field].as_str().unwrap_or("-").to_owned();
        let percent = one["percent"].as_i64().unwrap_or(0);
        format!("{} {} ({percent} %)", text("customer_id"), text("name"))
    });
    let told: Vec<String> = told.collect();
    match told.is_empty() {
        true => "none".to_owned(),
        false => told.join("; "),
    }
}

impl Row for Review {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "PROFILE",
        "STATUS",
        "REASON",
        "CANDIDATES",
        "SINCE",
        "DECIDED_BY",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.profile_id.to_string(),
            self.status.clone(),
            self.reason.clone(),
            candidates(self),
            instant(self.created_at),
            self.decided_by.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
