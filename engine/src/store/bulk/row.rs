//! Acts on many as their readers have them.

use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::Result;
use crate::bulk::{BulkAct, BulkState, BulkView};
use crate::store::row::{instant, instant_or_none};

/// Acts as [`read`] takes them; the conditions are on `b`.
pub(super) const VIEW: &str = "select b.*, now() as read_at from engine.bulk b";

pub(super) fn read(row: &PgRow) -> Result<BulkView> {
    let (act, state): (String, String) = (row.try_get("act")?, row.try_get("state")?);
    let unknown = |word: &str| sqlx::Error::Decode(format!("{word:?} is not known here").into());
    let view = BulkView {
        id: row.try_get("id")?,
        act: BulkAct::parse(&act).ok_or_else(|| unknown(&act))?,
        filter: row.try_get("filter")?,
        patch: row
            .try_get::<Option<Json<_>>, _>("patch")?
            .map(|Json(patch)| patch),
        state: BulkState::parse(&state).ok_or_else(|| unknown(&state))?,
        matched: row.try_get("matched")?,
        matched_all: row.try_get("matched_all")?,
        looked_at: row.try_get("looked_at")?,
        done: row.try_get("done")?,
        skipped: row.try_get("skipped")?,
        refused: row.try_get("refused")?,
        chunks: row.try_get("chunks")?,
        percent: None,
        jobs_per_s: None,
        eta_s: None,
        chunk: row.try_get("chunk")?,
        rate_per_s: row.try_get("rate_per_s")?,
        canary_jobs: row.try_get("canary_jobs")?,
        canary_wait_ms: row.try_get("canary_wait_ms")?,
        canary_tolerate: row.try_get("canary_tolerate")?,
        canary_ids: row.try_get("canary_ids")?,
        canary_until: instant_or_none(row, "canary_until")?,
        canary_passed: row.try_get("canary_passed")?,
        error: row.try_get("error")?,
        next_at: instant(row, "next_at")?,
        requested_by: row.try_get("requested_by")?,
        requested_via: row.try_get("requested_via")?,
        reason: row.try_get("reason")?,
        as_of: instant(row, "as_of")?,
        created_at: instant(row, "created_at")?,
        started_at: instant_or_none(row, "started_at")?,
        ended_at: instant_or_none(row, "ended_at")?,
    };
    Ok(view.reckoned(instant(row, "read_at")?))
}
