//! Matching: at first contact, a record that is on one side alone may be on the other already, under another id.
//!
//! Only by an address or a number, and only when exactly one record on each side has it; never by name. Whatever is
//! less clear a person must say.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::case::{Case, Remote};
use super::decide::What;
use super::ground::Ground;
use crate::Error;
use crate::plan::reconcile::Side;
use crate::store::creatio::{local, observed};

/// Gives the case its counterpart, or says why a person must.
pub(super) async fn find(
    conn: &mut PgConnection,
    ground: &Ground,
    case: &mut Case,
) -> Result<Option<What>, Error> {
    let Some((here, id, keys)) = lonely(ground, case) else {
        return Ok(None);
    };
    let there = matching(conn, ground, here.other(), &keys).await?;
    let (other, their_keys) = match there.as_slice() {
        [] => return Ok(None),
        [(other, keys)] => (*other, keys.clone()),
        several => {
            return Ok(Some(review(
                "several_matches",
                several.iter().map(|(id, _)| *id),
            )));
        }
    };
    let back = matching(conn, ground, here, &wanted(ground, &their_keys)).await?;
    if back.iter().any(|(one, _)| *one != id) {
        return Ok(Some(review(
            "several_match",
            back.iter().map(|(id, _)| *id),
        )));
    }
    let (connection, sort) = (ground.connection.as_str(), ground.sort);
    match here {
        Side::Local => {
            let seen = observed::load(conn, connection, sort, &[other]).await?;
            case.remote_id = Some(other);
            if let Some(seen) = seen.into_iter().next() {
                case.remote = Remote::Here {
                    seen,
                    is_fresh: false,
                };
            }
        }
        Side::Remote => {
            let rows = local::load(conn, connection, sort, &[other]).await?;
            case.local_id = Some(other);
            case.local = rows.into_iter().next();
        }
    }
    Ok(None)
}

/// Whether a counterpart is to be looked for: of which side's record, and by which keys.
pub(super) fn lonely(ground: &Ground, case: &Case) -> Option<(Side, Uuid, Vec<String>)> {
    if case.base.is_some() || case.is_separate() || case.intent.is_some() {
        return None;
    }
    let (side, id, keys) = match (case.live(), &case.remote) {
        (Some(row), Remote::Never) if case.remote_id.is_none() => {
            (Side::Local, row.id, texts(row.fields.get("match_keys")))
        }
        (None, Remote::Here { seen, .. }) if case.local_id.is_none() => {
            (Side::Remote, seen.id, seen.keys.clone())
        }
        _ => return None,
    };
    let keys = wanted(ground, &keys);
    (!keys.is_empty()).then_some((side, id, keys))
}

/// Those that the mapping matches by.
fn wanted(ground: &Ground, keys: &[String]) -> Vec<String> {
    let matches_by = |field: &str| ground.map.match_by.iter().any(|name| name == field);
    let is_wanted = |key: &&String| match key.split_once(':') {
        Some(("email", _)) => matches_by("email"),
        Some(("phone", _)) => matches_by("mobile_phone"),
        _ => false,
    };
    keys.iter().filter(is_wanted).cloned().collect()
}

async fn matching(
    conn: &mut PgConnection,
    ground: &Ground,
    side: Side,
    keys: &[String],
) -> Result<Vec<(Uuid, Vec<String>)>, Error> {
    match side {
        Side::Local => local::matching(conn, &ground.connection, ground.sort, keys).await,
        Side::Remote => observed::matching(conn, &ground.connection, ground.sort, keys).await,
    }
}

fn review(code: &'static str, ids: impl Iterator<Item = Uuid>) -> What {
    What::Review {
        code,
        detail: json!({"candidates": ids.collect::<Vec<_>>()}),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}
