//! Profiles: given by the booking site, shown with who they are and what they have.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Link, Package, Profile};
use crate::{Error, store};

const LONGEST: usize = 300;
const LONGEST_PHONE: usize = 100;

/// Writes what the booking site says of a profile, in the caller's transaction; false when that was known.
///
/// # Errors
/// [`Error::Invalid`] for texts that are too long; [`Error::Database`].
pub async fn put(tx: &mut PgConnection, profile: &Profile) -> Result<bool, Error> {
    for (field, text, most) in [
        ("name", &profile.name, LONGEST),
        ("email", &profile.email, LONGEST),
        ("phone", &profile.phone, LONGEST_PHONE),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().count() > most)
        {
            return Err(Error::Invalid(format!(
                "{field}: longer than {most} characters"
            )));
        }
    }
    store::profile::put(tx, profile).await
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

/// The packages of a profile that are not gone.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Database`].
pub async fn available(pool: &PgPool, id: Uuid) -> Result<Vec<Package>, Error> {
    let mut conn = pool.acquire().await?;
    if store::profile::get(&mut conn, id).await?.is_none() {
        return Err(Error::UnknownProfile(id));
    }
    store::package::list(&mut conn, id).await
}
