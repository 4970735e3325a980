//! Row: instants out of rows, as the rest of the engine has them.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::Result;

/// An instant that is always there.
pub(super) fn instant(row: &PgRow, column: &str) -> Result<Timestamp> {
    Ok(row.try_get::<jiff_sqlx::Timestamp, _>(column)?.to_jiff())
}

/// An instant that may be missing.
pub(super) fn instant_or_none(row: &PgRow, column: &str) -> Result<Option<Timestamp>> {
    Ok(row
        .try_get::<Option<jiff_sqlx::Timestamp>, _>(column)?
        .map(jiff_sqlx::Timestamp::to_jiff))
}
