//! Prepare: what the looks have shown is written down, and every case gets its link and its two ids.

use std::collections::HashMap;

use engine::Cx;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::case::Case;
use super::decide::What;
use super::done as given_back;
use super::doubt::Resolved;
use super::ground::Ground;
use super::settle::end_intents;
use super::write::{self, Ready};
use crate::creatio::{Status, chosen_id};
use crate::plan::reconcile::{Plan, Side};
use crate::store::creatio::dirty::{self, Release};
use crate::store::creatio::intent::{self, State};
use crate::store::creatio::link::{self, Link, Standing};
use crate::store::creatio::observed;
use crate::store::creatio::operation::{self, Done};
use crate::store::creatio::site::{self, Site};
use crate::{Env, Error, store};

/// Writes what the looks have shown, and gives every case its link and its two ids.
pub(super) async fn prepare(
    cx: &Cx<Env>,
    ground: &Ground,
    (resolved, renamed): (Vec<Resolved>, Vec<Case>),
    ready: Vec<Ready>,
) -> Result<Vec<Ready>, Error> {
    let (attempt, ground) = (cx.clone(), ground.clone());
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.checkpoint(tx).await?;
            let of = (ground.connection.as_str(), ground.sort);
            note_resolved(tx, (&ground, attempt.job_id()), resolved, &ready).await?;
            let ids: Vec<Uuid> = renamed.iter().filter_map(|case| case.local_id).collect();
            dirty::mark(tx, of.0, (of.1, Side::Local), &ids, "linked").await?;
            let gone: Vec<Release> = renamed
                .iter()
                .filter_map(|case| case.dirty.as_ref())
                .map(given_back)
                .collect();
            dirty::release(tx, of.0, of.1, attempt.job_id(), &gone).await?;
            with_links(tx, &ground, ready).await
        })
    })
    .await
}

/// What was found out of writes of before stands, whatever becomes of this one.
async fn note_resolved(
    tx: &mut PgConnection,
    (ground, job_id): (&Ground, Uuid),
    resolved: Vec<Resolved>,
    ready: &[Ready],
) -> Result<(), Error> {
    let (mut standings, mut done, mut learnt) = (Vec::new(), Vec::new(), Site::default());
    let mut seen = Vec::new();
    for one in &resolved {
        let case = ready.iter().map(|one| &one.case);
        let mut case = case.filter(|case| {
            let link = case.link.as_ref();
            link.is_some_and(|link| link.id == one.link_id)
        });
        let local_id = case.next().and_then(|case| case.local_id);
        if let Some(id) = one.renamed {
            link::name(tx, one.link_id, (local_id, Some(id))).await?;
        }
        if one.end.state != State::Acked {
            continue;
        }
        // A walk can prove only that what was seen is gone.
        seen.extend(one.seen.clone());
        if one.verb == intent::Verb::Create {
            learnt.keeps_ids = Some(one.renamed.is_none() && learnt.keeps_ids != Some(false));
        }
        done.push(Done {
            link_id: one.link_id,
            verb: one.verb.word(),
            direction: Some("to_creatio"),
            status: "success",
            code: None,
            changes: one.changes.clone(),
            took_ms: 0,
        });
        standings.push(Standing {
            id: one.link_id,
            base: one.base.clone(),
            status: Status::InProgress,
            direction: Some("to_creatio"),
            code: None,
            detail: None,
            is_synced: false,
        });
    }
    let ends: Vec<intent::End> = resolved.into_iter().map(|one| one.end).collect();
    let of = (ground.connection.as_str(), ground.sort);
    end_intents(tx, of, job_id, &ends).await?;
    operation::write(tx, of, job_id, &done).await?;
    if !seen.is_empty() {
        observed::put(tx, of.0, of.1, &seen).await?;
    }
    if learnt != Site::default() {
        site::learn(tx, of.0, learnt).await?;
    }
    link::leave(tx, &standings).await
}

/// Makes the links of cases that need one. If another job was quicker, they are looked at again.
async fn with_links(
    tx: &mut PgConnection,
    ground: &Ground,
    mut ready: Vec<Ready>,
) -> Result<Vec<Ready>, Error> {
    let (connection, sort) = (ground.connection.as_str(), ground.sort);
    ready.iter_mut().for_each(|one| choose_id(ground, one));
    let ids = |one: &Ready| (one.case.local_id, one.case.remote_id);
    let is_new = |one: &Ready| {
        one.case.link.is_none()
            && !matches!(&one.what, What::Do(planned) if matches!(planned.plan, Plan::Rest))
    };
    let is_renamed = |one: &Ready| {
        let link = one.case.link.as_ref();
        link.is_some_and(|link| (link.local_id, link.remote_id) != ids(one))
    };
    let met = ready.iter().filter_map(|one| {
        let had = one.case.link.as_ref().and_then(|link| link.remote_id);
        let gives_way = is_new(one) && one.case.local_id.is_some()
            || is_renamed(one) && had != one.case.remote_id;
        one.case.remote_id.filter(|_| gives_way)
    });
    link::drop_lonely(tx, connection, sort, &met.collect::<Vec<_>>()).await?;
    for one in ready.iter_mut().filter(|one| is_renamed(one)) {
        let ids = ids(one);
        if let Some(link) = &mut one.case.link {
            link::name(tx, link.id, ids).await?;
            (link.local_id, link.remote_id) = ids;
        }
    }
    let new: Vec<_> = ready.iter().filter(|one| is_new(one)).map(ids).collect();
    let mut made: HashMap<_, Link> = link::make(tx, connection, sort, &new)
        .await?
        .into_iter()
        .map(|link| ((link.local_id, link.remote_id), link))
        .collect();
    for one in ready.iter_mut().filter(|one| is_new(one)) {
        one.case.link = made.remove(&ids(one));
        if one.case.link.is_none() {
            one.what = What::Later {
                code: "busy",
                after_s: 1.0,
            };
        }
    }
    Ok(ready)
}

/// The id that a record is to be made under.
fn choose_id(ground: &Ground, one: &mut Ready) {
    let What::Do(planned) = &one.what else {
        return;
    };
    let case = &mut one.case;
    match &planned.plan {
        Plan::Create {
            on: Side::Remote, ..
        } if case.remote_id.is_none() => {
            case.remote_id = case.local_id.map(|id| write::remote_id(ground, id));
        }
        Plan::Create {
            on: Side::Local, ..
        } if case.local_id.is_none() => {
            let (stream, remote_id) = (ground.sort.stream(), case.remote_id.unwrap_or_default());
            let of = [&ground.connection, stream, "local", &remote_id.to_string()];
            case.local_id = Some(chosen_id(&of));
        }
        _ => {}
    }
}
