//! Reconcile: records that are dirty on either side are made to say the same on both.
//!
//! ```text
//! claim ─► look at what may have been sent before ─► match ─► plan ─► look anew at what is to be written there
//!   ▲                                                                              │
//!   └── settle, one transaction ◄── read back ◄── one $batch ◄── sent ◄── intents ◄┘
//! ```
//!
//! No transaction is open while Creatio is asked. A crash anywhere is found by the next owner of the rows: by an
//! intent that is planned, nothing was sent; by one that was sent, he looks. One job holds a record at a time.

mod book;
pub(crate) mod case;
pub(crate) mod decide;
mod doubt;
pub(crate) mod ground;
mod look;
mod lost;
pub(crate) mod matching;
mod prepare;
mod settle;
mod write;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use engine::Cx;
use tokio::time::Instant;
use uuid::Uuid;

use crate::creatio::Sort;
use crate::creatio::mapping::{self, Mapping};
use crate::plan::reconcile::Side;
use crate::store::creatio::dirty::{self, Dirty, Release};
use crate::store::creatio::intent;
use crate::store::creatio::site::{self, Site};
use crate::{Env, Error, store};
use case::{Case, Remote};
use decide::{What, decide};
use ground::{Ground, Named, Rules};
use write::{Ready, Sent};

/// What one $batch takes.
const AT_ONCE: i64 = 100;
/// How long an attempt goes on before it gives its slot back and goes on as another.
const SLICE: Duration = Duration::from_secs(60);
/// While a record of ours may be at Creatio under an id that we do not know, a new one there may be it.
const IN_DOUBT_S: f64 = 15.0;

/// Why a record is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Something is known to have changed.
    ForChanges,
    /// Somebody wants this one: what Creatio has is asked for.
    ForIt,
}

/// Reconciles what is due, until nothing is.
pub(crate) async fn until_clean(cx: &Cx<Env>, connection: &str) -> Result<(), Error> {
    let mapping = mapping::in_force(cx.env(), connection, false).await?;
    let mut grounds = HashMap::new();
    let began = Instant::now();
    loop {
        if cx.is_stopped() {
            return Err(Error::Stopped);
        }
        let Some((sort, claimed)) = claim(cx, connection).await? else {
            return Ok(());
        };
        let of = (connection, &mapping, Asked::ForChanges);
        if let Err(error) = of_sort(cx, of, &mut grounds, sort, claimed).await {
            let_go(cx, connection).await;
            return Err(error);
        }
        if began.elapsed() > SLICE {
            return Err(Error::SliceOver);
        }
    }
}

/// Reconciles one record, due or not, and what it turns out to need.
///
/// # Errors
/// [`Error::Busy`] while another job has it.
pub(crate) async fn one(
    cx: &Cx<Env>,
    connection: &str,
    (sort, local_id): (Sort, Uuid),
) -> Result<(), Error> {
    let mapping = mapping::in_force(cx.env(), connection, false).await?;
    let mut grounds = HashMap::new();
    // A record that was made is looked at once more, for what Creatio filled in.
    for _ in 0..3 {
        let mut conn = cx.env().pool.acquire().await?;
        while dirty::fold(&mut conn, connection).await? {}
        let of = (sort, Side::Local, local_id);
        let claimed = dirty::claim_one(&mut conn, connection, of, cx.job_id()).await?;
        drop(conn);
        let claimed = claimed.ok_or_else(|| Error::Busy {
            partition: format!("{} {local_id}", sort.as_str()),
            job_id: cx.job_id(),
        })?;
        let of = (connection, &mapping, Asked::ForIt);
        if let Err(error) = of_sort(cx, of, &mut grounds, sort, vec![claimed]).await {
            let_go(cx, connection).await;
            return Err(error);
        }
        let mut conn = cx.env().pool.acquire().await?;
        if !dirty::is_due(&mut conn, connection, sort, local_id).await? {
            break;
        }
    }
    Ok(())
}

async fn claim(cx: &Cx<Env>, connection: &str) -> Result<Option<(Sort, Vec<Dirty>)>, Error> {
    let mut conn = cx.env().pool.acquire().await?;
    while dirty::fold(&mut conn, connection).await? {}
    let (attempt, connection) = (cx.clone(), connection.to_owned());
    drop(conn);
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            dirty::claim(tx, &connection, attempt.job_id(), AT_ONCE).await
        })
    })
    .await
}

/// Others need not wait for the lease. If this fails, it runs out.
async fn let_go(cx: &Cx<Env>, connection: &str) {
    let (attempt, connection) = (cx.clone(), connection.to_owned());
    let done = store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            dirty::let_go(tx, &connection, attempt.job_id()).await
        })
    });
    if let Err(error) = done.await {
        tracing::debug!(error = %error, "could not give records back before their lease ends");
    }
}

async fn of_sort(
    cx: &Cx<Env>,
    (connection, mapping, asked): (&str, &Mapping, Asked),
    grounds: &mut HashMap<Sort, Ground>,
    sort: Sort,
    claimed: Vec<Dirty>,
) -> Result<(), Error> {
    if mapping.sort(sort).is_none() {
        return forget(cx, connection, sort, claimed).await;
    }
    let ground = match grounds.entry(sort) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(free) => free.insert(Ground::new(cx.env(), connection, mapping, sort).await?),
    };
    batch(cx, ground, asked, claimed).await
}

/// What is not mapped is not synced: a mapping that has it looks at all of them.
async fn forget(
    cx: &Cx<Env>,
    connection: &str,
    sort: Sort,
    claimed: Vec<Dirty>,
) -> Result<(), Error> {
    let (attempt, connection) = (cx.clone(), connection.to_owned());
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            let releases: Vec<Release> = claimed.iter().map(done).collect();
            dirty::release(tx, &connection, sort, attempt.job_id(), &releases).await
        })
    })
    .await
}

fn done(row: &Dirty) -> Release {
    Release {
        side: row.side,
        key: row.key,
        marked: row.marked,
        again_s: None,
        waits: None,
        counts: false,
    }
}

async fn batch(
    cx: &Cx<Env>,
    ground: &Ground,
    asked: Asked,
    claimed: Vec<Dirty>,
) -> Result<(), Error> {
    let mut conn = cx.env().pool.acquire().await?;
    let site = site::get(&mut conn, &ground.connection).await?;
    let cases = Case::load(&mut conn, ground, claimed).await?;
    drop(conn);
    let (cases, renamed): (Vec<Case>, Vec<Case>) = cases
        .into_iter()
        .partition(|case| !is_by_another_name(case));
    let mut cases: Vec<(Case, Option<What>)> = cases.into_iter().map(|case| (case, None)).collect();
    let resolved = doubt::resolve(cx, ground, &mut cases, site).await?;
    meet(cx, ground, site, &mut cases).await?;
    let (ready, rules) = plan(cx, ground, asked, cases).await?;
    let looked = Instant::now();
    let mut ready = prepare::prepare(cx, ground, (resolved, renamed), ready).await?;
    write::write(cx, ground, &rules, &mut ready, looked).await?;
    settle::each(cx, ground, (&Arc::new(rules), site), ready).await
}

/// A record of Creatio's that has been linked since its row was made is known by its local id now.
fn is_by_another_name(case: &Case) -> bool {
    case.dirty
        .as_ref()
        .is_some_and(|row| row.side == Side::Remote)
        && case
            .link
            .as_ref()
            .is_some_and(|link| link.local_id.is_some())
}

/// First contact: the counterpart that a record has already, or why that cannot be told.
async fn meet(
    cx: &Cx<Env>,
    ground: &Ground,
    site: Site,
    cases: &mut [(Case, Option<What>)],
) -> Result<(), Error> {
    let mut conn = cx.env().pool.acquire().await?;
    let mut doubts = None;
    for (case, what) in cases.iter_mut().filter(|(_, what)| what.is_none()) {
        let is_new_there = case.local_id.is_none()
            && case.base.is_none()
            && matches!(case.remote, Remote::Here { .. });
        if is_new_there && site.keeps_ids != Some(true) {
            if doubts.is_none() {
                let of = (ground.connection.as_str(), ground.sort.stream());
                doubts = Some(intent::creates_in_doubt(&mut conn, of.0, of.1).await?);
            }
            if doubts > Some(0) {
                *what = Some(What::Later {
                    code: "in_doubt",
                    after_s: IN_DOUBT_S,
                });
            }
        }
    }
    matching::find(&mut conn, ground, cases).await
}

/// Plans every case: by what was last seen, and what is to be written there once more by what is there now.
async fn plan(
    cx: &Cx<Env>,
    ground: &Ground,
    asked: Asked,
    cases: Vec<(Case, Option<What>)>,
) -> Result<(Vec<Ready>, Rules), Error> {
    let mut rules = rules(cx, ground, cases.iter().map(|(case, _)| case)).await?;
    let mut ready: Vec<Ready> = cases
        .into_iter()
        .map(|(case, what)| Ready {
            what: what.unwrap_or_else(|| decide(&case, ground, &rules)),
            case,
            op_id: None,
            sent: Sent::Nothing,
        })
        .collect();
    let mut stale: Vec<&mut Case> = Vec::new();
    let mut again = Vec::new();
    for (at, one) in ready.iter_mut().enumerate() {
        if needs_look(ground, asked, one) {
            again.push(at);
            stale.push(&mut one.case);
        }
    }
    if stale.is_empty() {
        return Ok((ready, rules));
    }
    look::freshen(cx, ground, &mut stale).await?;
    rules = self::rules(cx, ground, ready.iter().map(|one| &one.case)).await?;
    for at in again {
        ready[at].what = decide(&ready[at].case, ground, &rules);
    }
    Ok((ready, rules))
}

fn needs_look(ground: &Ground, asked: Asked, one: &Ready) -> bool {
    let Remote::Here {
        seen,
        is_fresh: false,
    } = &one.case.remote
    else {
        return false;
    };
    match &one.what {
        What::Do(planned) => {
            asked == Asked::ForIt || planned.writes_there() || !ground.is_whole(seen)
        }
        _ => false,
    }
}

async fn rules(
    cx: &Cx<Env>,
    ground: &Ground,
    cases: impl Iterator<Item = &Case>,
) -> Result<Rules, Error> {
    let mut named = Named::default();
    for case in cases {
        case.name_parents(ground, &mut named);
    }
    let mut conn = cx.env().pool.acquire().await?;
    ground.rules(&mut conn, &named).await
}
