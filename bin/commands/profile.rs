//! `lockstep profile`: the booking site's customers, which customer of the CRM each is, and what they have.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jobs::packages::{self, Filter, Link, Package, Profile};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::job::list::more;
use super::{asked, dry, id, may};
use crate::app::{App, Session};
use crate::audited;
use crate::cli::Change;
use crate::output::{Exit, Format, Row, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Profiles {
    /// List profiles in the order of their ids
    #[command(
        before_help = "Examples:\n  lockstep profile list\n  lockstep profile list --unlinked -o csv",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one with the customer it is and its packages
    #[command(
        before_help = "Examples:\n  lockstep profile show 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 -o json"
    )]
    Show(One),
    /// Write what the booking site says of one, new or not; what is not said stays
    #[command(
        before_help = "Examples:\n  lockstep profile set 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 --name 'Ada Fairway' --phone 081-234-5678\n  lockstep profile set 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 --connection supabase/shop --email ada@example.com --dry-run"
    )]
    Set(Set),
    /// Delete one with its packages and all that was decided on it
    #[command(
        before_help = "Examples:\n  lockstep profile delete 0198c7a2-5d1e-7c2e-9b1a-3f2d1c0b9a88 --dry-run"
    )]
    Delete(Delete),
}

/// Which profiles.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Whose customers are in this CRM
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only those whose customer is known
    #[arg(long, conflicts_with = "unlinked")]
    linked: bool,
    /// Only those whose customer is not
    #[arg(long)]
    unlinked: bool,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID", value_parser = id)]
    after: Option<Uuid>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One profile.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The booking site's id
    #[arg(value_parser = id)]
    id: Uuid,
}

/// What the booking site says.
#[derive(Debug, Args)]
#[command(override_usage = "lockstep profile set [OPTIONS] <ID>")]
#[group(id = "said", required = true, multiple = true, args = ["name", "email", "phone"])]
pub(crate) struct Set {
    /// The booking site's id
    #[arg(value_parser = id)]
    id: Uuid,
    /// Its name
    #[arg(long)]
    name: Option<String>,
    /// Its address
    #[arg(long)]
    email: Option<String>,
    /// Its number, however it is written
    #[arg(long)]
    phone: Option<String>,
    /// The CRM that its customer is in; the only one need not be named
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    change: Change,
}

/// A profile to delete.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The booking site's id
    #[arg(value_parser = id)]
    id: Uuid,
    #[command(flatten)]
    change: Change,
}

/// A profile as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    profile: Profile,
    link: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<Vec<Package>>,
}

/// Does it.
pub(crate) async fn run(app: &App, profiles: Profiles) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match profiles {
        Profiles::List(it) => list(app, &session, &it).await,
        Profiles::Show(it) => show(app, &session, it.id).await,
        Profiles::Set(it) => set(app, &session, it).await,
        Profiles::Delete(it) => delete(app, &session, &it).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        connection: list.connection.clone(),
        is_linked: match (list.linked, list.unlinked) {
            (false, false) => None,
            (linked, _) => Some(linked),
        },
        after: list.after,
    };
    let page = packages::list(&session.env.pool, &filter, list.limit).await?;
    let rows: Vec<Shown> = page.data.iter().cloned().map(Shown::of).collect();
    app.out
        .list(&rows, "No profiles. The booking site gives them: PUT /api/v1/profiles/ID, or lockstep profile set")?;
    more(app, &page, "--after");
    Ok(())
}

async fn show(app: &App, session: &Session, id: Uuid) -> anyhow::Result<()> {
    let pool = &session.env.pool;
    let shown = Shown {
        packages: Some(packages::available(pool, id).await?),
        ..Shown::of(packages::show(pool, id).await?)
    };
    app.out.item(&shown)?;
    if app.out.format == Format::Table {
        app.out.list(
            shown.packages.as_deref().unwrap_or_default(),
            "No packages.",
        )?;
    }
    match shown.link {
        Some(_) => app
            .out
            .next(&format!("Sync it: lockstep sync packages --profile {id}")),
        None => app
            .out
            .next(&format!("Who it is: lockstep review list --profile {id}")),
    }
    Ok(())
}

async fn set(app: &App, session: &Session, set: Set) -> anyhow::Result<()> {
    let pool = &session.env.pool;
    let before = match packages::show(pool, set.id).await {
        Ok((profile, _)) => Some(profile),
        Err(jobs::Error::UnknownProfile(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let connection = match (&set.connection, &before) {
        (None, Some(before)) => before.connection.clone(),
        (named, _) => packages::shop(&session.env.connections, named.as_deref())?,
    };
    let is_new = before.is_none();
    let (name, email, phone) =
        before.map_or((None, None, None), |one| (one.name, one.email, one.phone));
    let profile = Profile {
        id: set.id,
        connection,
        name: set.name.or(name),
        email: set.email.or(email),
        phone: set.phone.or(phone),
    };
    // Also a dry run asks the database, and is refused where the change would be.
    let is_news = audited::put_profile(pool, &profile, &asked(app, &set.change)).await?;
    let verb = if is_new { "add" } else { "change" };
    if dry(app, &set.change, &format!("{verb} profile {}", set.id))? {
        return Ok(());
    }
    let words = match (is_new, is_news) {
        (true, _) => format!("Added profile {}.", set.id),
        (false, true) => format!("Changed profile {}.", set.id),
        (false, false) => format!("Profile {} is so already.", set.id),
    };
    app.out.done(
        &words,
        &set.id.to_string(),
        &json!(Shown::of((profile, None)).profile),
    )?;
    app.out.next(&format!(
        "Sync it: lockstep sync packages --profile {}",
        set.id
    ));
    Ok(())
}

async fn delete(app: &App, session: &Session, it: &Delete) -> anyhow::Result<()> {
    let pool = &session.env.pool;
    let all = packages::available(pool, it.id).await?.len();
    let what = format!(
        "delete profile {} with {}",
        it.id,
        crate::output::plural(all, "package")
    );
    if !may(app, &it.change, &what)? {
        return Ok(());
    }
    audited::delete_profile(pool, it.id, &asked(app, &it.change)).await?;
    let words = format!("Deleted profile {}.", it.id);
    app.out
        .done(&words, &it.id.to_string(), &json!({"deleted": it.id}))?;
    Ok(())
}

impl Shown {
    fn of((profile, link): (Profile, Option<Link>)) -> Shown {
        Shown {
            profile,
            link,
            packages: None,
        }
    }
}

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "CONNECTION",
        "NAME",
        "PHONE",
        "EMAIL",
        "CUSTOMER",
        "SURE",
        "SYNCED_AT",
    ];

    fn cells(&self) -> Vec<String> {
        let synced_at: Option<Timestamp> = self.link.as_ref().and_then(|link| link.synced_at);
        let sure = |link: &Link| match link.method.as_str() {
            "manual" => "said".to_owned(),
            _ => format!("{} %", link.confidence),
        };
        vec![
            self.profile.id.to_string(),
            self.profile.connection.clone(),
            or_dash(self.profile.name.as_ref()),
            or_dash(self.profile.phone.as_ref()),
            or_dash(self.profile.email.as_ref()),
            or_dash(self.link.as_ref().map(|link| &link.customer_id)),
            self.link.as_ref().map_or_else(|| "-".to_owned(), sure),
            instant_or_dash(synced_at),
        ]
    }

    fn name(&self) -> String {
        self.profile.id.to_string()
    }
}

impl Row for Package {
    const COLUMNS: &'static [&'static str] = &[
        "PACKAGE",
        "NAME",
        "CATEGORY",
        "LEFT",
        "OF",
        "EXPIRES_ON",
        "MISSING_SINCE",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            or_dash(self.display_name.as_ref().or(self.name.as_ref())),
            or_dash(self.category.as_ref()),
            or_dash(self.remaining_hours.as_ref()),
            or_dash(self.total_hours.as_ref()),
            or_dash(self.expires_on.as_ref()),
            instant_or_dash(self.missing_since),
        ]
    }

    fn name(&self) -> String {
        self.id.clone()
    }
}
