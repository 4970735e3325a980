//! What the last complete walk of a stream proved.

use sqlx::postgres::PgConnection;

use crate::Error;

/// What the last complete walk depended on; none before the first.
pub(crate) async fn scope(
    conn: &mut PgConnection,
    stream: &str,
    company_id: i64,
) -> Result<Option<String>, Error> {
    let scope =
        sqlx::query_scalar("select scope from sync.stream where name = $1 and company_id = $2");
    Ok(scope.bind(stream).bind(company_id).fetch_optional(conn).await?)
}

/// The walk that a run has just ended was complete.
pub(crate) async fn walked(conn: &mut PgConnection, run_id: i64) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.stream (name, company_id, scope, walked_at, run_id) \
         select stream, company_id, scope, walk_started_at, id from sync.run where id = $1 \
         on conflict (name, company_id) do update \
         set scope = excluded.scope, walked_at = excluded.walked_at, run_id = excluded.run_id",
    )
    .bind(run_id)
    .execute(conn)
    .await?;
    Ok(())
}
