//! Profiles: given by the booking site, shown with who they are and what they have.

use engine::{Cursor, Page};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Link, Package, Profile, story};
use crate::store::history::By;
use crate::{Error, store};

const LARGEST_PAGE: u16 = 500;
const LONGEST: usize = 300;
const LONGEST_PHONE: usize = 100;

/// Which profiles a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Whose customers are in this CRM.
    pub connection: Option<String>,
    /// Only those whose customer is known, or not.
    pub is_linked: Option<bool>,
    /// Only those with a greater id: the next page.
    pub after: Option<Uuid>,
}

/// Writes what the booking site says of a profile, in the caller's transaction; false when that was known.
///
/// # Errors
/// [`Error::Invalid`] for texts that are too long or have a NUL, and for another connection than the one it was
/// made with; [`Error::Database`].
pub async fn put(tx: &mut PgConnection, profile: &Profile) -> Result<bool, Error> {
    for (field, text, most) in [
        ("name", &profile.name, LONGEST),
        ("email", &profile.email, LONGEST),
        ("phone", &profile.phone, LONGEST_PHONE),
    ] {
        let text = text.as_deref().unwrap_or_default();
        if text.chars().count() > most || text.contains('\0') {
            return Err(Error::Invalid(format!(
                "{field}: expected at most {most} characters, none of them NUL"
            )));
        }
    }
    let put = store::profile::put(tx, profile).await?;
    if put.connection.is_some_and(|it| it != profile.connection) {
        return Err(Error::Invalid(
            "connection: a profile stays with its CRM; delete it and set it anew".to_owned(),
        ));
    }
    Ok(put.has_changed)
}

/// A page of profiles in the order of their ids, each with the customer it is, if that is known.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    limit: u16,
) -> Result<Page<(Profile, Option<Link>), Uuid>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::profile::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |(profile, _)| Cursor::of(profile.id)))
}

/// A profile with the customer it is, if that is known.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub async fn show(pool: &PgPool, id: Uuid) -> Result<(Profile, Option<Link>), Error> {
    let mut conn = pool.acquire().await?;
    let profile = store::profile::get(&mut conn, id).await?;
    let profile = profile.ok_or(Error::UnknownProfile(id))?;
    Ok((profile, store::profile::link_of(&mut conn, id).await?))
}

/// A profile, in the caller's transaction.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub async fn find(tx: &mut PgConnection, id: Uuid) -> Result<Profile, Error> {
    let profile = store::profile::get(tx, id).await?;
    profile.ok_or(Error::UnknownProfile(id))
}

/// Takes a profile away, with its packages and all that was decided on it, in the caller's transaction. Its history
/// stays, and tells who did it and why.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub async fn delete(
    tx: &mut PgConnection,
    id: Uuid,
    (by, reason): (&str, Option<&str>),
) -> Result<(), Error> {
    if !store::profile::lock(tx, id).await? {
        return Err(Error::UnknownProfile(id));
    }
    let before = store::profile::link_of(tx, id).await?;
    let link = before.map(|before| story::link(id, Some(&before), None));
    let rows = store::package::list(tx, id, false).await?;
    let packages = rows
        .iter()
        .map(|row| story::package(story::of_absent(&row.id, true)));
    let events: Vec<story::Told> = link.into_iter().chain(packages).collect();
    let by = By::Person(by, reason);
    store::history::write_without_run(tx, &story::partition(id), &by, &events).await?;
    store::profile::delete(tx, id).await
}

/// The packages of a profile that are not gone.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub async fn available(pool: &PgPool, id: Uuid) -> Result<Vec<Package>, Error> {
    let mut conn = pool.acquire().await?;
    if store::profile::get(&mut conn, id).await?.is_none() {
        return Err(Error::UnknownProfile(id));
    }
    store::package::list(&mut conn, id, false).await
}
