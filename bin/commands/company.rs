//! `lockstep company`: the customer's customers, whose zones are synced.

use clap::{Args, Subcommand};
use jobs::company::{self, Filter, NewCompany, Patch};
use serde_json::json;

use super::job::list::more;
use super::{asked, dry, may};
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::output::{Exit, Row, instant};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Company {
    /// List companies in the order of their ids
    #[command(
        before_help = "Examples:\n  lockstep company list --without-account",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one company
    #[command(before_help = "Examples:\n  lockstep company show 42")]
    Show(One),
    /// Add a company
    #[command(
        before_help = "Examples:\n  lockstep company add 'Hilton Pattaya' --country Thailand --account QWNjb3VudCwsMWFi"
    )]
    Add(Add),
    /// Change a company; what is not said stays
    #[command(
        override_usage = "lockstep company set [OPTIONS] <ID>",
        before_help = "Examples:\n  lockstep company set 42 --account QWNjb3VudCwsMWFi\n  lockstep company set 42 --no-account"
    )]
    Set(Set),
    /// Delete a company with its zones and runs
    #[command(before_help = "Examples:\n  lockstep company delete 42 --dry-run")]
    Delete(Delete),
}

/// Which companies.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those with an account at Soundtrack
    #[arg(long, conflicts_with = "without_account")]
    with_account: bool,
    /// Only those without
    #[arg(long)]
    without_account: bool,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One company.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The company
    id: i64,
}

/// A new company.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Its name
    name: String,
    /// Its country
    #[arg(long, default_value = "")]
    country: String,
    /// The company it belongs to
    #[arg(long, value_name = "ID")]
    parent: Option<i64>,
    /// Its account id at Soundtrack
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// It wants no alerts
    #[arg(long)]
    no_alerts: bool,
    #[command(flatten)]
    change: Change,
}

/// What to change.
#[derive(Debug, Args)]
#[group(id = "said", required = true, multiple = true, args = ["name", "country", "parent", "no_parent", "account", "no_account", "alerts"])]
pub(crate) struct Set {
    /// The company
    id: i64,
    /// Its name
    #[arg(long)]
    name: Option<String>,
    /// Its country
    #[arg(long)]
    country: Option<String>,
    /// The company it belongs to
    #[arg(long, value_name = "ID", conflicts_with = "no_parent")]
    parent: Option<i64>,
    /// It belongs to none
    #[arg(long)]
    no_parent: bool,
    /// Its account id at Soundtrack
    #[arg(long, value_name = "ID", conflicts_with = "no_account")]
    account: Option<String>,
    /// It has none
    #[arg(long)]
    no_account: bool,
    /// Whether it wants alerts
    #[arg(long, value_name = "BOOL")]
    alerts: Option<bool>,
    #[command(flatten)]
    change: Change,
}

/// A company to delete.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The company
    id: i64,
    #[command(flatten)]
    change: Change,
}

/// Does it.
pub(crate) async fn run(app: &App, company: Company) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match company {
        Company::List(list) => self::list(app, &session, &list).await,
        Company::Show(one) => show(app, &session, one.id).await,
        Company::Add(add) => self::add(app, &session, add).await,
        Company::Set(set) => self::set(app, &session, set).await,
        Company::Delete(delete) => self::delete(app, &session, &delete).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let has_account = match (list.with_account, list.without_account) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let filter = Filter {
        after: list.after,
        has_account,
    };
    let page = company::list(&session.env.pool, &filter, list.limit).await?;
    app.out.list(
        &page.data,
        "No companies. Add one: lockstep company add NAME --account ID",
    )?;
    more(app, &page, "--after");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = company::get(&session.env.pool, id).await?;
    let found = found.ok_or(jobs::Error::UnknownCompany(id))?;
    app.out.item(&found)?;
    match found.soundtrack_account_id {
        Some(_) => app.out.next(&format!(
            "Sync it: lockstep sync soundtrack --company-id {id}"
        )),
        None => app.out.next(&format!(
            "Give it an account: lockstep company set {id} --account ID"
        )),
    }
    Ok(())
}

async fn add(app: &App, session: &Session, add: Add) -> anyhow::Result<()> {
    let new = NewCompany {
        name: add.name,
        country: add.country,
        parent_id: add.parent,
        soundtrack_account_id: add.account,
        alerts: !add.no_alerts,
    };
    // Also a dry run asks the database, and is refused where the change would be.
    let asked = asked(app, &add.change);
    let made = audited::create_company(&session.env.pool, &new, &asked).await?;
    if dry(app, &add.change, &format!("add company {:?}", new.name))? {
        return Ok(());
    }
    let words = match made.soundtrack_account_id {
        Some(_) => format!(
            "Added company {} {:?}. Sync it: lockstep sync soundtrack --company-id {}",
            made.id, made.name, made.id
        ),
        None => format!(
            "Added company {} {:?}, without an account: it is not synced.",
            made.id, made.name
        ),
    };
    app.out.done(&words, &made.id.to_string(), &json!(made))?;
    Ok(())
}

async fn set(app: &App, session: &Session, set: Set) -> anyhow::Result<()> {
    let patch = Patch {
        name: set.name,
        country: set.country,
        parent_id: if set.no_parent {
            Some(None)
        } else {
            set.parent.map(Some)
        },
        soundtrack_account_id: if set.no_account {
            Some(None)
        } else {
            set.account.map(Some)
        },
        alerts: set.alerts,
    };
    let id = set.id;
    let asked = asked(app, &set.change);
    let new = audited::update_company(&session.env.pool, id, &patch, &asked).await?;
    let what = format!("change company {id}: {}", said(&patch));
    if dry(app, &set.change, &what)? {
        return Ok(());
    }
    let words = format!(
        "Changed company {id} {:?}: {}. See it: lockstep company show {id}",
        new.name,
        said(&patch)
    );
    app.out.done(&words, &id.to_string(), &json!(new))?;
    Ok(())
}

async fn delete(app: &App, session: &Session, delete: &Delete) -> anyhow::Result<()> {
    let id = delete.id;
    let old = company::get(&session.env.pool, id).await?;
    let old = old.ok_or(jobs::Error::UnknownCompany(id))?;
    let what = format!(
        "delete company {id} {:?} with its zones and runs, for good",
        old.name
    );
    if !may(app, &delete.change, &what)? {
        return Ok(());
    }
    let asked = asked(app, &delete.change);
    audited::delete_company(&session.env.pool, id, &asked).await?;
    let words = format!("Deleted company {id} {:?}.", old.name);
    let value = json!({"id": id, "deleted": true});
    app.out.done(&words, &id.to_string(), &value)?;
    Ok(())
}

fn said(patch: &Patch) -> String {
    let mut said = Vec::new();
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
    said.extend(patch.name.as_ref().map(|name| format!("name {name:?}")));
    said.extend(
        patch
            .country
            .as_ref()
            .map(|country| format!("country {country:?}")),
    );
    said.extend(
        patch
            .parent_id
            .map(|id| format!("parent {}", or_none(id.map(|id| id.to_string())))),
    );
    said.extend(
        patch
            .soundtrack_account_id
            .clone()
            .map(|id| format!("account {}", or_none(id))),
    );
    said.extend(
        patch
            .alerts
            .map(|on| format!("alerts {}", if on { "on" } else { "off" })),
    );
    said.join(", ")
}

impl Row for company::Company {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "NAME",
        "COUNTRY",
        "PARENT",
        "ACCOUNT",
        "ALERTS",
        "UPDATED_AT",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.country.clone(),
            self.parent_id
                .map_or_else(|| "-".into(), |id| id.to_string()),
            self.soundtrack_account_id
                .clone()
                .unwrap_or_else(|| "-".into()),
            if self.alerts { "on" } else { "off" }.to_owned(),
            instant(self.updated_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
