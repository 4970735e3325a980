//! Companies: the customer's customers, whose zones are synced.

use engine::{Cursor, Page};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::{PgConnection, PgPool};

use crate::{Error, store};

/// The largest page of a list.
const LARGEST_PAGE: u16 = 500;

/// A company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Company {
    /// Its id.
    pub id: i64,
    /// For people.
    pub name: String,
    /// As the CRM has it; may be empty.
    pub country: String,
    /// The company it belongs to.
    pub parent_id: Option<i64>,
    /// Its account at Soundtrack; without one it is not synced. No two companies share one.
    pub soundtrack_account_id: Option<String>,
    /// Whether it wants alerts.
    pub alerts: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A company to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCompany {
    /// 1 to 200 characters.
    pub name: String,
    /// At most 100 characters.
    #[serde(default)]
    pub country: String,
    /// The company it belongs to.
    #[serde(default)]
    pub parent_id: Option<i64>,
    /// Its account at Soundtrack.
    #[serde(default)]
    pub soundtrack_account_id: Option<String>,
    /// Whether it wants alerts; yes unless said.
    #[serde(default = "yes")]
    pub alerts: bool,
}

/// What to change of a company. What is not said stays; in JSON, null takes a value away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Patch {
    /// 1 to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `Some(None)` takes it away.
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Option<i64>>,
    /// `Some(None)` takes it away.
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub soundtrack_account_id: Option<Option<String>>,
    /// Whether it wants alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<bool>,
}

/// Which companies a list shows. What is not said does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those with a greater id: the cursor of the next page.
    pub after: Option<i64>,
    /// Only those with, or without, an account at Soundtrack.
    pub has_account: Option<bool>,
}

/// A page of companies in the order of their ids, at most `limit`, 500 at the most.
///
/// # Errors
/// [`Error::Database`], as everything here.
pub async fn list(pool: &PgPool, filter: &Filter, limit: u16) -> Result<Page<Company, i64>, Error> {
    let limit = limit.clamp(1, LARGEST_PAGE);
    let mut conn = pool.acquire().await?;
    let rows = store::company::list(&mut conn, filter, i64::from(limit) + 1).await?;
    Ok(Page::of(rows, limit, |company| Cursor::of(company.id)))
}

/// The ids of all companies that can be synced, in their order.
///
/// # Errors
/// [`Error::Database`].
pub async fn with_account(pool: &PgPool) -> Result<Vec<i64>, Error> {
    let mut filter = Filter {
        has_account: Some(true),
        after: None,
    };
    let mut ids = Vec::new();
    loop {
        let page = list(pool, &filter, LARGEST_PAGE).await?;
        ids.extend(page.data.iter().map(|company| company.id));
        filter.after = page.next.map(|next| *next.key());
        if filter.after.is_none() {
            return Ok(ids);
        }
    }
}

/// One company, if there is such.
pub async fn get(pool: &PgPool, id: i64) -> Result<Option<Company>, Error> {
    store::company::get(&mut *pool.acquire().await?, id).await
}

/// One company that can be synced: what a caller asks before it enqueues.
///
/// # Errors
/// [`Error::UnknownCompany`]; [`Error::NoAccount`], with the words that callers know.
pub async fn syncable(pool: &PgPool, id: i64) -> Result<Company, Error> {
    let company = get(pool, id).await?.ok_or(Error::UnknownCompany(id))?;
    match &company.soundtrack_account_id {
        Some(_) => Ok(company),
        None => Err(Error::NoAccount {
            id,
            name: company.name,
        }),
    }
}

/// Makes a company. The transaction is the caller's, who may have more to say in it.
///
/// # Errors
/// [`Error::Invalid`]; [`Error::AccountTaken`].
pub async fn create(conn: &mut PgConnection, company: &NewCompany) -> Result<Company, Error> {
    check(
        Some(&company.name),
        Some(&company.country),
        company.soundtrack_account_id.as_deref(),
    )?;
    store::company::create(conn, company).await
}

/// Changes a company, in the caller's transaction.
///
/// # Errors
/// [`Error::UnknownCompany`]; [`Error::Invalid`]; [`Error::AccountTaken`].
pub async fn update(conn: &mut PgConnection, id: i64, patch: &Patch) -> Result<Company, Error> {
    let account = patch
        .soundtrack_account_id
        .as_ref()
        .and_then(Option::as_deref);
    check(patch.name.as_deref(), patch.country.as_deref(), account)?;
    let done = store::company::update(conn, id, patch).await?;
    done.ok_or(Error::UnknownCompany(id))
}

/// Deletes a company with its zones and runs, in the caller's transaction, and returns what it was;
/// its parts lose their parent and stay.
///
/// # Errors
/// [`Error::UnknownCompany`].
pub async fn delete(conn: &mut PgConnection, id: i64) -> Result<Company, Error> {
    let gone = store::company::delete(conn, id).await?;
    gone.ok_or(Error::UnknownCompany(id))
}

fn check(name: Option<&str>, country: Option<&str>, account: Option<&str>) -> Result<(), Error> {
    let words = [
        ("name", name, 1, 200),
        ("country", country, 0, 100),
        ("soundtrack_account_id", account, 1, 500),
    ];
    for (field, text, shortest, longest) in words {
        let Some(text) = text else { continue };
        let length = text.chars().count();
        if text.trim().len() < shortest || length > longest || text.chars().any(char::is_control) {
            return Err(Error::Invalid(format!(
                "{field}: expected {shortest} to {longest} characters, none of them a control character"
            )));
        }
    }
    Ok(())
}

fn yes() -> bool {
    true
}

/// Tells a null, which takes a value away, from a field that is not there.
fn said<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_takes_away_and_silence_keeps() {
        let patch: Patch = serde_json::from_str(r#"{"parent_id": null, "alerts": false}"#).unwrap();

        assert_eq!(patch.parent_id, Some(None));
        assert_eq!(patch.soundtrack_account_id, None);
        assert_eq!(patch.alerts, Some(false));
        let said = serde_json::json!({"parent_id": null, "alerts": false});
        assert_eq!(serde_json::to_value(&patch).unwrap(), said);
    }

    #[test]
    fn what_the_table_would_refuse_is_refused_with_what_to_change() {
        let long = "x".repeat(201);
        for (name, country, account) in [
            ("", "", None),
            ("  ", "", None),
            (&*long, "", None),
            ("a\0", "", None),
            ("a", &*long, None),
            ("a", "", Some("")),
        ] {
            let refused = check(Some(name), Some(country), account).unwrap_err();

            assert!(
                refused.to_string().contains("expected"),
                "{name:?} {country:?} {account:?}"
            );
        }
        check(Some("Malé Spa"), Some(""), Some("QWNjb3VudA..")).unwrap();
    }
}
