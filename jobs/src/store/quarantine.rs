//! Records that could not be read.

use sqlx::postgres::PgConnection;

use super::storable;
use crate::Error;
use crate::flow::Bad;

/// Keeps bad records as they came. One that is in quarantine already is only counted.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    stream: &str,
    company_id: i64,
    run_id: i64,
    bad: &[Bad],
) -> Result<(), Error> {
    sqlx::query(include_str!("keep_quarantine.sql"))
        .bind(stream)
        .bind(company_id)
        .bind(run_id)
        .bind(bad.iter().map(Bad::quarantine_key).collect::<Vec<_>>())
        .bind(bad.iter().map(|one| one.key.is_some()).collect::<Vec<_>>())
        .bind(bad.iter().map(|one| one.field.as_str()).collect::<Vec<_>>())
        .bind(
            bad.iter()
                .map(|one| one.expected.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(bad.iter().map(|one| storable(&one.raw)).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}
