//! What a bulk sync did with each profile.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::packages::Totals;

/// Of these profiles, those that the bulk sync is done with.
pub(crate) async fn done(
    conn: &mut PgConnection,
    job_id: Uuid,
    profiles: &[Uuid],
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(
        "select profile_id from sync.package_outcome where job_id = $1 and profile_id = any($2)",
    )
    .bind(job_id)
    .bind(profiles)
    .fetch_all(conn)
    .await?)
}

/// Notes a profile, with the code of what failed.
pub(crate) async fn note(
    conn: &mut PgConnection,
    (job_id, profile_id): (Uuid, Uuid),
    packages: i64,
    code: Option<&str>,
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.package_outcome (job_id, profile_id, is_good, packages, code) \
         values ($1, $2, $4::text is null, $3, $4)",
    )
    .bind(job_id)
    .bind(profile_id)
    .bind(i32::try_from(packages).unwrap_or(i32::MAX))
    .bind(code)
    .execute(conn)
    .await?;
    Ok(())
}

/// The sums of a bulk sync, and its first failures.
pub(crate) async fn totals(
    conn: &mut PgConnection,
    job_id: Uuid,
    named: i64,
) -> Result<Totals, Error> {
    let row = sqlx::query(
        "select \
             count(*) filter (where is_good) as successful, count(*) filter (where not is_good) as failed, \
             coalesce(sum(packages), 0)::bigint as packages, \
             array(select format('Profile %s: %s', f.profile_id, f.code) from sync.package_outcome f \
                   where f.job_id = $1 and not f.is_good order by f.profile_id limit $2) as errors \
         from sync.package_outcome where job_id = $1",
    )
    .bind(job_id)
    .bind(named)
    .fetch_one(conn)
    .await?;
    Ok(Totals {
        total_profiles: 0,
        successful_profiles: row.try_get("successful")?,
        failed_profiles: row.try_get("failed")?,
        total_packages: row.try_get("packages")?,
        errors: row.try_get("errors")?,
    })
}

/// Forgets what bulk syncs of more than thirty days ago did.
pub(crate) async fn prune(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("delete from sync.package_outcome where at < now() - interval '30 days'")
        .execute(conn)
        .await?;
    Ok(())
}
