//! Audit: who changed what. Written in the transaction of the change.

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};

use super::row::instant;
use crate::Result;
use crate::control::{Actor, AuditEntry};

/// Adds one row. The actor's reason stands in its detail, unless the act keeps one of its own there.
pub(crate) async fn record(
    conn: &mut PgConnection,
    actor: &Actor,
    action: &str,
    target: &str,
    detail: Option<Value>,
) -> Result<()> {
    let mut detail = detail;
    if let Some(reason) = &actor.reason {
        let kept = detail.get_or_insert_with(|| json!({}));
        if let Some(kept) = kept
            .as_object_mut()
            .filter(|it| it.get("reason").is_none_or(Value::is_null))
        {
            kept.insert("reason".into(), json!(reason));
        }
    }
    sqlx::query(
        "insert into engine.audit (actor, via, action, target, detail) values ($1, $2, $3, $4, $5)",
    )
    .bind(&actor.name)
    .bind(&actor.via)
    .bind(action)
    .bind(target)
    .bind(detail.map(Json))
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest rows, at most `limit`, of one target or of all, older than the row `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    target: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    let rows = sqlx::query(
        "select id, at, actor, via, action, target, detail from engine.audit \
         where ($1::text is null or target = $1) and ($2::bigint is null or id < $2) \
         order by id desc limit $3",
    )
    // One plan for all would read all rows for those of a target.
    .persistent(false)
    .bind(target)
    .bind(before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(AuditEntry {
                id: row.try_get("id")?,
                at: instant(row, "at")?,
                actor: row.try_get("actor")?,
                via: row.try_get("via")?,
                action: row.try_get("action")?,
                target: row.try_get("target")?,
                detail: row
                    .try_get::<Option<Json<Value>>, _>("detail")?
                    .map(|Json(detail)| detail),
            })
        })
        .collect()
}
