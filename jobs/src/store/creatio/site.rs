//! What was learnt of a Creatio by what it answered.

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Error;

/// What is known of it so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Site {
    /// The user that our credential runs as.
    pub(crate) user_id: Option<Uuid>,
    /// Whether it keeps the ids that we choose.
    pub(crate) keeps_ids: Option<bool>,
}

pub(crate) async fn get(conn: &mut PgConnection, connection: &str) -> Result<Site, Error> {
    let row: Option<(Option<Uuid>, Option<bool>)> =
        sqlx::query_as("select user_id, keeps_ids from sync.site where connection = $1")
            .bind(connection)
            .fetch_optional(conn)
            .await?;
    let (user_id, keeps_ids) = row.unwrap_or_default();
    Ok(Site { user_id, keeps_ids })
}

/// An id that was not kept once is not relied on again.
pub(crate) async fn learn(
    conn: &mut PgConnection,
    connection: &str,
    site: Site,
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.site as s (connection, user_id, keeps_ids) values ($1, $2, $3) \
         on conflict (connection) do update set user_id = coalesce(excluded.user_id, s.user_id), \
             keeps_ids = coalesce(s.keeps_ids and excluded.keeps_ids, excluded.keeps_ids, s.keeps_ids), updated_at = now()",
    )
    .bind(connection)
    .bind(site.user_id)
    .bind(site.keeps_ids)
    .execute(conn)
    .await?;
    Ok(())
}
