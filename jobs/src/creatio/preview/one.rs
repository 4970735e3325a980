//! One: what a sync of a single record would do.

use connectors::creatio::Looked;
use uuid::Uuid;

use super::Change;
use super::change::change;
use crate::creatio::{Sort, mapping};
use crate::flow::reconcile::case::{Case, Remote};
use crate::flow::reconcile::decide::{What, decide};
use crate::flow::reconcile::ground::{Ground, Named};
use crate::flow::reconcile::matching;
use crate::store::creatio::intent::{self, State};
use crate::store::creatio::{conflict, link, local, observed};
use crate::{Env, Error};

/// Looks at the record of both sides and tells what would become of it; None when the two are alike. Nothing is
/// written.
///
/// # Errors
/// [`Error::NoSuch`] when it is not here; [`Error::Mapping`]; [`Error::Remote`]; [`Error::Database`]; those of the
/// connection.
pub async fn preview_one(
    env: &Env,
    connection: &str,
    (sort, local_id): (Sort, Uuid),
) -> Result<Option<Change>, Error> {
    let mapping = mapping::in_force(env, connection, true).await?;
    let ground = Ground::new(env, connection, &mapping, sort).await?;
    let mut conn = env.pool.acquire().await?;
    let row = local::load(&mut conn, connection, sort, &[local_id]).await?;
    let row = row.into_iter().next().ok_or_else(|| Error::NoSuch {
        what: sort.as_str(),
        id: local_id.to_string(),
    })?;
    let links = link::of(&mut conn, connection, sort, (&[local_id], &[])).await?;
    let link = links.into_iter().next();
    let ids: Vec<Uuid> = link.iter().filter_map(|link| link.remote_id).collect();
    let seen = observed::load(&mut conn, connection, sort, &ids).await?;
    let of: Vec<i64> = link.iter().map(|link| link.id).collect();
    let is_in_doubt = intent::open(&mut conn, &of)
        .await?
        .iter()
        .any(|one| one.state != State::Planned);
    let mut case = Case::of_pair(link, Some(row), seen.into_iter().next());
    case.conflicts = conflict::live(&mut conn, &of).await?;
    let mut cases = [(case, None)];
    if is_in_doubt {
        // What it was is found out by the sync, which keeps what it finds.
        cases[0].1 = Some(What::Later {
            code: "in_doubt",
            after_s: 0.0,
        });
    } else {
        matching::find(&mut conn, &ground, &mut cases).await?;
    }
    drop(conn);
    let [(mut case, what)] = cases;
    freshen(&ground, &mut case).await?;
    let mut named = Named::default();
    case.name_parents(&ground, &mut named);
    let mut conn = env.pool.acquire().await?;
    let rules = ground.rules(&mut conn, &named).await?;
    let what = what.unwrap_or_else(|| decide(&case, &ground, &rules));
    Ok(change(&ground, &rules, &case, &what))
}

/// The record at Creatio as it is now.
async fn freshen(ground: &Ground, case: &mut Case) -> Result<(), Error> {
    let (Some(id), Remote::Here { .. }) = (case.remote_id, &case.remote) else {
        return Ok(());
    };
    let looked = match ground.client.read(&ground.ask(), &[id]).await {
        Ok(looked) => looked,
        Err(error) => {
            let all = &ground.env.connections;
            return Err(all.judge(&ground.connection, error).await);
        }
    };
    case.remote = match looked.into_iter().next() {
        Some(Looked::Here(record)) => Remote::Here {
            seen: ground.observed(record),
            is_fresh: true,
        },
        // Only a complete listing is proof that it is gone.
        Some(Looked::Missing) => Remote::Unknown("not_seen"),
        Some(Looked::Unknown(_)) | None => Remote::Unknown("no_answer"),
    };
    Ok(())
}
