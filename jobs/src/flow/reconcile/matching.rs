//! Matching: at first contact, a record that is on one side alone may be on the other already, under another id.
//!
//! Only by an address or a number, and only when exactly one record on each side has it; never by name. Whatever is
//! less clear a person must say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::case::{Case, Remote};
use super::decide::What;
use super::ground::Ground;
use crate::Error;
use crate::plan::reconcile::Side;
use crate::store::creatio::alike::Alike;
use crate::store::creatio::{local, observed};

/// Gives cases their counterparts, or says why a person must.
pub(crate) async fn find(
    conn: &mut PgConnection,
    ground: &Ground,
    cases: &mut [(Case, Option<What>)],
) -> Result<(), Error> {
    let mut alone: Vec<Alone> = cases
        .iter()
        .enumerate()
        .filter(|(_, (_, what))| what.is_none())
        .filter_map(|(at, (case, _))| {
            let (here, id, keys) = lonely(ground, case)?;
            let pair = None;
            Some(Alone {
                at,
                here,
                id,
                keys,
                pair,
            })
        })
        .collect();
    for there in [Side::Local, Side::Remote] {
        let of = alone.iter_mut().filter(|one| one.here == there.other());
        pair(conn, ground, there, of.collect(), cases).await?;
    }
    take(conn, ground, &alone, cases).await
}

/// A record without a counterpart.
struct Alone {
    /// Which case.
    at: usize,
    here: Side,
    id: Uuid,
    keys: Vec<String>,
    /// The one record that it can only be, there.
    pair: Option<Uuid>,
}

/// Looks on the side `there` for those that are alone on the other; and back, whether they are the only ones.
async fn pair(
    conn: &mut PgConnection,
    ground: &Ground,
    there: Side,
    mut alone: Vec<&mut Alone>,
    cases: &mut [(Case, Option<What>)],
) -> Result<(), Error> {
    let keys = alone.iter().flat_map(|one| one.keys.clone()).collect();
    let alike = matching(conn, ground, there, keys).await?;
    let mut back = Vec::new();
    for one in &mut alone {
        let found = alike.with(&one.keys);
        if found.len() > 1 {
            cases[one.at].1 = Some(review("several_matches", found.into_keys()));
        } else if let Some((other, keys)) = found.into_iter().next() {
            one.pair = Some(other);
            back.push((one, wanted(ground, keys)));
        }
    }
    let keys = back.iter().flat_map(|(_, keys)| keys.clone()).collect();
    let alike = matching(conn, ground, there.other(), keys).await?;
    for (one, keys) in back {
        let found = alike.with(&keys);
        if found.keys().any(|id| *id != one.id) {
            cases[one.at].1 = Some(review("several_match", found.into_keys()));
            one.pair = None;
        }
    }
    Ok(())
}

async fn take(
    conn: &mut PgConnection,
    ground: &Ground,
    alone: &[Alone],
    cases: &mut [(Case, Option<What>)],
) -> Result<(), Error> {
    let (connection, sort) = (ground.connection.as_str(), ground.sort);
    let of = |here| -> Vec<Uuid> {
        let pairs = alone.iter().filter(|one| one.here == here);
        pairs.filter_map(|one| one.pair).collect()
    };
    let seen = observed::load(conn, connection, sort, &of(Side::Local)).await?;
    let rows = local::load(conn, connection, sort, &of(Side::Remote)).await?;
    for one in alone {
        let (case, _) = &mut cases[one.at];
        match one.here {
            Side::Local => {
                case.remote_id = one.pair.or(case.remote_id);
                if let Some(seen) = seen.iter().find(|seen| Some(seen.id) == one.pair) {
                    case.remote = Remote::Here {
                        seen: seen.clone(),
                        is_fresh: false,
                    };
                }
            }
            Side::Remote => {
                case.local_id = one.pair.or(case.local_id);
                let row = rows.iter().find(|row| Some(row.id) == one.pair);
                case.local = row.cloned().or_else(|| case.local.take());
            }
        }
    }
    Ok(())
}

/// Whether a counterpart is to be looked for: of which side's record, and by which keys.
fn lonely(ground: &Ground, case: &Case) -> Option<(Side, Uuid, Vec<String>)> {
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
pub(crate) fn wanted(ground: &Ground, keys: &[String]) -> Vec<String> {
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
    keys: BTreeSet<String>,
) -> Result<Alike, Error> {
    if keys.is_empty() {
        return Ok(Alike::default());
    }
    let keys: Vec<String> = keys.into_iter().collect();
    match side {
        Side::Local => local::matching(conn, &ground.connection, ground.sort, &keys).await,
        Side::Remote => observed::matching(conn, &ground.connection, ground.sort, &keys).await,
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
