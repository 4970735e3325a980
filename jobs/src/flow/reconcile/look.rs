//! Look: what Creatio has now, before anything is written to it.

use std::collections::HashMap;

use connectors::Verdict;
use connectors::creatio::Looked;
use engine::Cx;
use uuid::Uuid;

use super::case::{Case, Remote};
use super::ground::Ground;
use crate::connection::tell;
use crate::store::creatio::observed::Observed;
use crate::{Env, Error};

/// Reads records anew. One that is older than what we have seen comes from a copy that is behind.
pub(super) async fn freshen(
    cx: &Cx<Env>,
    ground: &Ground,
    cases: &mut [&mut Case],
) -> Result<(), Error> {
    let ids: Vec<Uuid> = cases.iter().filter_map(|case| case.remote_id).collect();
    let looked = read(cx, ground, &ids).await?;
    for case in cases {
        let Some(found) = case.remote_id.and_then(|id| looked.get(&id)) else {
            continue;
        };
        let before = case.modified_at();
        case.remote = match found {
            Some(Ok(seen)) if seen.modified_at < before => Remote::Unknown("stale"),
            Some(Ok(seen)) => Remote::Here {
                seen: seen.clone(),
                is_fresh: true,
            },
            // Not there, or hidden: only a complete listing is proof of the first.
            Some(Err(())) => Remote::Unknown("no_answer"),
            None => match std::mem::replace(&mut case.remote, Remote::Never) {
                Remote::Here { .. } => Remote::Unknown("not_seen"),
                other => other,
            },
        };
    }
    Ok(())
}

/// By id: the record, None if it is missing, or an error if nobody knows.
type Found = HashMap<Uuid, Option<Result<Observed, ()>>>;

pub(super) async fn read(cx: &Cx<Env>, ground: &Ground, ids: &[Uuid]) -> Result<Found, Error> {
    let mut found = Found::new();
    for some in ids.chunks(connectors::creatio::MOST_PARTS) {
        let asked = ground.client.read(&ground.ask(), some).await;
        let verdict = asked
            .as_ref()
            .map_or_else(connectors::Error::verdict, |_| Verdict::Ok);
        tell(cx, &ground.connection, &verdict).await;
        let looked = match asked {
            Ok(looked) => looked,
            Err(error) => {
                return Err(ground
                    .env
                    .connections
                    .judge(&ground.connection, error)
                    .await);
            }
        };
        for (id, looked) in some.iter().zip(looked) {
            let one = match looked {
                Looked::Here(record) => Some(Ok(ground.observed(record))),
                Looked::Missing => None,
                Looked::Unknown(_) => Some(Err(())),
            };
            found.insert(*id, one);
        }
    }
    Ok(found)
}
