//! Walk: what there is on both sides of one sort, page by page.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use connectors::Verdict;
use connectors::page::Next;
use serde_json::{Value, json};
use uuid::Uuid;

use super::change::change;
use super::{Change, Preview};
use crate::creatio::Sort;
use crate::creatio::mapping::Mapping;
use crate::flow::reconcile::case::Case;
use crate::flow::reconcile::decide::{What, decide};
use crate::flow::reconcile::ground::{Ground, Named};
use crate::flow::reconcile::matching::wanted;
use crate::store::creatio::local::{self, Local};
use crate::store::creatio::observed::Observed;
use crate::store::creatio::{conflict, link};
use crate::{Env, Error};

/// When a refusal names no wait.
const THROTTLED: Duration = Duration::from_secs(10);
/// Who looks at a preview waits for it; what takes longer is told instead.
const PATIENCE: Duration = Duration::from_secs(90);
/// Local records that are looked at together.
const AT_ONCE: i64 = 500;

pub(super) struct Walk {
    ground: Ground,
    /// Ids at Creatio that were seen, of records whose two sides have never been at one: writes under way.
    begun: HashSet<Uuid>,
    /// Local records that were met as the counterpart of one there.
    met: HashSet<Uuid>,
    /// Match keys that a record there shares with several here, none of which is known to be its counterpart.
    shared: HashSet<String>,
}

impl Walk {
    pub(super) async fn new(
        env: &Env,
        connection: &str,
        mapping: &Mapping,
        sort: Sort,
    ) -> Result<Walk, Error> {
        Ok(Walk {
            ground: Ground::new(env, connection, mapping, sort).await?,
            begun: HashSet::new(),
            met: HashSet::new(),
            shared: HashSet::new(),
        })
    }

    /// Everything that Creatio has, with what is here of it.
    pub(super) async fn there(
        &mut self,
        preview: &mut Preview,
        tell: &mut (impl FnMut(Change) + Send),
    ) -> Result<(), Error> {
        let mut cursor = None;
        loop {
            let page = self.page(cursor.as_deref()).await?;
            let mut seen = Vec::new();
            for item in page.items {
                match item.decoded {
                    Ok(record) => seen.push(self.ground.observed(record)),
                    Err(_) => preview.counts.failed += 1,
                }
            }
            preview.seen += seen.len() as i64;
            let cases = self.cases(seen).await?;
            self.tell(cases, preview, tell).await?;
            match page.next {
                Next::More(place) if cursor.as_ref() != Some(&place) => cursor = Some(place),
                _ => return Ok(()),
            }
        }
    }

    async fn page(
        &self,
        cursor: Option<&str>,
    ) -> Result<connectors::page::Page<connectors::creatio::Record>, Error> {
        loop {
            match self
                .ground
                .client
                .page(&self.ground.ask(), cursor, None)
                .await
            {
                Ok(page) => return Ok(page),
                // There is no job to be put off.
                Err(error) => match error.verdict() {
                    Verdict::Throttled { after } if after.unwrap_or(THROTTLED) <= PATIENCE => {
                        tokio::time::sleep(after.unwrap_or(THROTTLED)).await;
                    }
                    _ => {
                        return Err(self
                            .ground
                            .env
                            .connections
                            .judge(&self.ground.connection, error)
                            .await);
                    }
                },
            }
        }
    }

    async fn cases(&mut self, seen: Vec<Observed>) -> Result<Vec<(Case, Option<What>)>, Error> {
        let (connection, sort) = (self.ground.connection.clone(), self.ground.sort);
        let mut conn = self.ground.env.pool.acquire().await?;
        let ids: Vec<Uuid> = seen.iter().map(|one| one.id).collect();
        let links = link::of(&mut conn, &connection, sort, (&[], &ids)).await?;
        let locals: Vec<Uuid> = links.iter().filter_map(|link| link.local_id).collect();
        let mut rows: HashMap<Uuid, Local> = local::load(&mut conn, &connection, sort, &locals)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let mut links: HashMap<Uuid, link::Link> = links
            .into_iter()
            .filter_map(|link| Some((link.remote_id?, link)))
            .collect();
        let mut cases = Vec::new();
        for one in seen {
            let link = links.remove(&one.id);
            let row = link.as_ref().and_then(|link| rows.remove(&link.local_id?));
            let has_begun = |link: &link::Link| link.local_id.is_some() && link.base.is_none();
            if link.as_ref().is_some_and(has_begun) {
                self.begun.insert(one.id);
            }
            cases.push((Case::of_pair(link, row, Some(one)), None));
        }
        self.counterparts(&mut conn, &mut cases).await?;
        with_conflicts(&mut conn, &mut cases).await?;
        Ok(cases)
    }

    /// As at first contact. That no other record there has the same key is known at the end of the walk alone.
    async fn counterparts(
        &mut self,
        conn: &mut sqlx::PgConnection,
        cases: &mut [(Case, Option<What>)],
    ) -> Result<(), Error> {
        let (connection, sort) = (self.ground.connection.clone(), self.ground.sort);
        let alone: Vec<(usize, Vec<String>)> = cases
            .iter()
            .enumerate()
            .filter(|(_, (case, _))| case.local_id.is_none())
            .filter_map(|(at, (case, _))| {
                Some((at, wanted(&self.ground, &case.remote.here()?.keys)))
            })
            .collect();
        let keys: BTreeSet<String> = alone.iter().flat_map(|(_, keys)| keys.clone()).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let alike = local::matching(conn, &connection, sort, &keys).await?;
        let mut pairs = Vec::new();
        for (at, keys) in alone {
            let found: Vec<Uuid> = alike.with(&keys).into_keys().collect();
            match found.as_slice() {
                [] => {}
                [id] if self.met.insert(*id) => pairs.push((at, *id)),
                several => {
                    self.shared.extend(keys);
                    cases[at].1 = Some(What::Review {
                        code: "several_matches",
                        detail: json!({"candidates": several}),
                    });
                }
            }
        }
        let ids: Vec<Uuid> = pairs.iter().map(|(_, id)| *id).collect();
        let rows = local::load(conn, &connection, sort, &ids).await?;
        for (at, id) in pairs {
            let (case, _) = &mut cases[at];
            case.local_id = Some(id);
            case.local = rows.iter().find(|row| row.id == id).cloned();
        }
        Ok(())
    }

    /// What is here alone.
    pub(super) async fn here(
        &mut self,
        preview: &mut Preview,
        tell: &mut (impl FnMut(Change) + Send),
    ) -> Result<(), Error> {
        let (connection, sort) = (self.ground.connection.clone(), self.ground.sort);
        let mut after = Uuid::nil();
        loop {
            let mut conn = self.ground.env.pool.acquire().await?;
            let rows = local::walk(&mut conn, &connection, sort, (after, AT_ONCE)).await?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = last.id;
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            let links = link::of(&mut conn, &connection, sort, (&ids, &[])).await?;
            let mut links: HashMap<Uuid, link::Link> = links
                .into_iter()
                .filter_map(|link| Some((link.local_id?, link)))
                .collect();
            drop(conn);
            let mut cases = Vec::new();
            for row in rows {
                let link = links.remove(&row.id);
                let is_seen = link
                    .as_ref()
                    .and_then(|link| link.remote_id)
                    .is_some_and(|id| self.begun.contains(&id));
                // What was not listed may still be there: only the sync's own walks are proof.
                let was_at_one = link.as_ref().is_some_and(|link| link.base.is_some());
                if is_seen || was_at_one || self.met.contains(&row.id) {
                    continue;
                }
                let what = self.alike_there(&row, link.as_ref());
                cases.push((Case::of_pair(link, Some(row), None), what));
            }
            self.tell(cases, preview, tell).await?;
        }
    }

    /// Several records there have its key: a person would have to say.
    fn alike_there(&self, row: &Local, link: Option<&link::Link>) -> Option<What> {
        let keys = row
            .fields
            .get("match_keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let is_there = keys
            .filter_map(Value::as_str)
            .any(|key| self.shared.contains(key));
        let is_separate = link.is_some_and(|link| link.is_separate);
        (is_there && !is_separate && !self.ground.map.match_by.is_empty()).then_some(What::Review {
            code: "several_matches",
            detail: Value::Null,
        })
    }

    async fn tell(
        &self,
        cases: Vec<(Case, Option<What>)>,
        preview: &mut Preview,
        tell: &mut (impl FnMut(Change) + Send),
    ) -> Result<(), Error> {
        let mut named = Named::default();
        for (case, _) in &cases {
            case.name_parents(&self.ground, &mut named);
        }
        let mut conn = self.ground.env.pool.acquire().await?;
        let rules = self.ground.rules(&mut conn, &named).await?;
        drop(conn);
        for (case, what) in cases {
            let what = what.unwrap_or_else(|| decide(&case, &self.ground, &rules));
            match change(&self.ground, &rules, &case, &what) {
                Some(change) => {
                    preview.count(&change);
                    tell(change);
                }
                None => preview.alike += 1,
            }
        }
        Ok(())
    }
}

async fn with_conflicts(
    conn: &mut sqlx::PgConnection,
    cases: &mut [(Case, Option<What>)],
) -> Result<(), Error> {
    let ids: Vec<i64> = cases
        .iter()
        .filter_map(|(case, _)| Some(case.link.as_ref()?.id))
        .collect();
    for one in conflict::live(conn, &ids).await? {
        let mut of_link = cases.iter_mut().map(|(case, _)| case);
        let case = of_link.find(|case| {
            case.link
                .as_ref()
                .is_some_and(|link| link.id == one.link_id)
        });
        if let Some(case) = case {
            case.conflicts.push(one);
        }
    }
    Ok(())
}
