//! What a claim answers, read into its types.

use sqlx::postgres::{PgRow, Postgres};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::{Ask, Claimed, Floor, Look, Place, Rest, SHARD, Taken};
use crate::Result;
use crate::fence::Fence;
use crate::store::row::{instant, instant_or_none};

pub(super) fn taken(row: &PgRow, ask: &Ask<'_>) -> Result<Taken> {
    let ids: Vec<Uuid> = column(row, "ids")?;
    let kinds: Vec<String> = column(row, "kinds")?;
    let attempts: Vec<i32> = column(row, "attempts")?;
    let failed: Vec<i16> = column(row, "failed")?;
    let max_attempts: Vec<i16> = column(row, "max_attempts")?;
    let args: Vec<String> = column(row, "args")?;
    let rests: Vec<Option<Json<Rest>>> = column(row, "rests")?;
    let (last, last_key, floors) = match ask.look {
        Look::Plain { .. } => (last(row, &ids), None, Vec::new()),
        Look::Fair { .. } => (None, row.try_get("last_key")?, floors(row)?),
    };
    let counts = failed.into_iter().zip(max_attempts);
    let named = ids.into_iter().zip(kinds).zip(attempts);
    let jobs = named
        .zip(counts)
        .zip(args.into_iter().zip(rests))
        .map(|((named, (failed, max_attempts)), (args, rest))| {
            let ((job_id, kind), attempt) = named;
            Claimed {
                fence: Fence {
                    shard: SHARD,
                    job_id,
                    attempt,
                    nonce: ask.nonce,
                },
                kind,
                queue: ask.queue.to_owned(),
                failed: count(failed),
                max_attempts: count(max_attempts),
                args,
                rest: rest.map(|Json(rest)| rest).unwrap_or_default(),
            }
        })
        .collect();
    Ok(Taken {
        jobs,
        last,
        asked_at: instant(row, "asked_at")?,
        last_key,
        floors,
        saw_fair: row.try_get("saw_fair")?,
    })
}

fn last(row: &PgRow, ids: &[Uuid]) -> Option<Place> {
    let rank_at = instant_or_none(row, "last_rank_at").ok().flatten()?;
    let id = *ids.last()?;
    Some(Place { rank_at, id })
}

fn floors(row: &PgRow) -> Result<Vec<Floor<'static>>> {
    let keys: Vec<String> = column(row, "floor_keys")?;
    let kinds: Vec<String> = column(row, "floor_kinds")?;
    let ranks: Vec<jiff_sqlx::Timestamp> = column(row, "floors")?;
    let floors = keys.into_iter().zip(kinds).zip(ranks);
    Ok(floors
        .map(|((key, kind), rank_at)| Floor {
            key: key.into(),
            kind: kind.into(),
            rank_at: rank_at.to_jiff(),
        })
        .collect())
}

/// Null when nothing was claimed.
fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<Vec<T>>
where
    Vec<T>: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    Ok(row.try_get::<Option<_>, _>(name)?.unwrap_or_default())
}

/// Counts have a check against going below nothing.
fn count(stored: i16) -> u32 {
    u32::try_from(stored).unwrap_or(0)
}
