//! Meetings: what the product learnt in one, as records of ours that are synced like any other.
//!
//! A meeting becomes an activity with its participants, its action items become tasks, and what was said changes
//! the lead. All of it is written in the caller's transaction, and so is the job that carries it over.

mod activity;
mod lead;
mod once;

use sqlx::PgConnection;
use uuid::Uuid;

pub use activity::{ActionItem, Made, Meeting, Participant, create_activity};
pub use lead::{DecisionMaker, Learnt, Updated, amount, connection_of_lead, update_lead};
pub use once::{Key, Once, once};

use super::Sort;
use crate::Error;
use crate::store::creatio::local;

/// Refuses ids of records that are not there.
async fn check_there(
    tx: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<(), Error> {
    let there = local::load(tx, connection, sort, ids).await?;
    let missing = ids
        .iter()
        .find(|id| !there.iter().any(|row| row.id == **id && !row.is_deleted));
    match missing {
        None => Ok(()),
        Some(id) => Err(Error::NoSuch {
            what: sort.as_str(),
            id: id.to_string(),
        }),
    }
}

fn invalid<T>(field: &str, expected: &str) -> Result<T, Error> {
    Err(Error::Invalid(match field {
        "" => expected.to_owned(),
        field => format!("{field}: {expected}"),
    }))
}

fn check_text(field: &str, text: Option<&str>, most: usize) -> Result<(), Error> {
    match text {
        Some(text) if text.chars().count() > most || text.contains('\0') => invalid(
            field,
            &format!("expected at most {most} characters, none of them NUL"),
        ),
        _ => Ok(()),
    }
}
