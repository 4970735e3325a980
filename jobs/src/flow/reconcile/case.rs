//! Case: one record with all that is known of it, on both sides.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::ground::{Ground, Named};
use crate::Error;
use crate::creatio::conflict::{Conflict, RECORD, Status};
use crate::plan::reconcile::{Base, Frozen, Seen, Side, Version};
use crate::store::creatio::dirty::Dirty;
use crate::store::creatio::intent::Intent;
use crate::store::creatio::link::Link;
use crate::store::creatio::local::Local;
use crate::store::creatio::observed::Observed;
use crate::store::creatio::{conflict, intent, link, local, observed};

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// None in a preview, which looks at everything.
    pub(crate) dirty: Option<Dirty>,
    pub(crate) link: Option<Link>,
    pub(crate) local_id: Option<Uuid>,
    pub(crate) remote_id: Option<Uuid>,
    pub(crate) local: Option<Local>,
    pub(crate) remote: Remote,
    pub(crate) base: Option<Base>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) intent: Option<Intent>,
    pub(crate) began: Instant,
}

/// What is known of the side at Creatio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remote {
    /// As it was last seen; `is_fresh` when that was just now.
    Here { seen: Observed, is_fresh: bool },
    /// A complete listing was without it.
    Gone(Option<Observed>),
    /// It was never made.
    Never,
    /// It could not be looked at: why.
    Unknown(&'static str),
}

/// The batch's rows of the other tables.
struct Rows {
    links: Vec<Link>,
    locals: HashMap<Uuid, Local>,
    observed: HashMap<Uuid, Observed>,
}

impl Case {
    /// The cases of some rows. A record of Creatio's that has one here by now is that one's case.
    pub(crate) async fn load(
        conn: &mut PgConnection,
        ground: &Ground,
        claimed: Vec<Dirty>,
    ) -> Result<Vec<Case>, Error> {
        let of = |side| -> Vec<Uuid> {
            let rows = claimed.iter().filter(|row| row.side == side);
            rows.map(|row| row.key).collect()
        };
        let (mut locals, mut remotes) = (of(Side::Local), of(Side::Remote));
        let (connection, sort) = (ground.connection.as_str(), ground.sort);
        let links = link::of(conn, connection, sort, (&locals, &remotes)).await?;
        locals.extend(links.iter().filter_map(|link| link.local_id));
        remotes.extend(links.iter().filter_map(|link| link.remote_id));
        let rows = Rows {
            locals: by_id(local::load(conn, connection, sort, &locals).await?, |row| {
                row.id
            }),
            observed: by_id(
                observed::load(conn, connection, sort, &remotes).await?,
                |row| row.id,
            ),
            links,
        };
        let mut cases: Vec<Case> = claimed
            .into_iter()
            .map(|row| Case::of(row, &rows))
            .collect();
        let ids: Vec<i64> = rows.links.iter().map(|link| link.id).collect();
        let mut conflicts: HashMap<i64, Vec<Conflict>> = HashMap::new();
        for one in conflict::live(conn, &ids).await? {
            conflicts.entry(one.link_id).or_default().push(one);
        }
        let mut intents = by_id(intent::open(conn, &ids).await?, |one| one.link_id);
        for case in &mut cases {
            if let Some(link) = &case.link {
                case.conflicts = conflicts.remove(&link.id).unwrap_or_default();
                case.intent = intents.remove(&link.id);
            }
        }
        Ok(cases)
    }

    fn of(dirty: Dirty, rows: &Rows) -> Case {
        let link = rows.links.iter().find(|link| match dirty.side {
            Side::Local => link.local_id == Some(dirty.key),
            Side::Remote => link.remote_id == Some(dirty.key),
        });
        let local_id = match dirty.side {
            Side::Local => Some(dirty.key),
            Side::Remote => link.and_then(|link| link.local_id),
        };
        let remote_id = match dirty.side {
            Side::Remote => Some(dirty.key),
            Side::Local => link.and_then(|link| link.remote_id),
        };
        let seen = remote_id.and_then(|id| rows.observed.get(&id).cloned());
        let was_at_one = link.is_some_and(|link| matches!(link.base, Some(Base::Active(_))));
        Case {
            local: local_id.and_then(|id| rows.locals.get(&id).cloned()),
            remote: Remote::of(seen, was_at_one),
            base: link.and_then(|link| link.base.clone()),
            link: link.cloned(),
            dirty: Some(dirty),
            local_id,
            remote_id,
            conflicts: Vec::new(),
            intent: None,
            began: Instant::now(),
        }
    }

    /// A case for a preview: of a pair, or of what is on one side alone.
    pub(crate) fn of_pair(
        link: Option<Link>,
        local: Option<Local>,
        seen: Option<Observed>,
    ) -> Case {
        let was_at_one = link
            .as_ref()
            .is_some_and(|link| matches!(link.base, Some(Base::Active(_))));
        let linked = |id: fn(&Link) -> Option<Uuid>| link.as_ref().and_then(id);
        Case {
            local_id: local
                .as_ref()
                .map(|row| row.id)
                .or(linked(|link| link.local_id)),
            remote_id: seen
                .as_ref()
                .map(|seen| seen.id)
                .or(linked(|link| link.remote_id)),
            remote: Remote::of(seen, was_at_one),
            base: link.as_ref().and_then(|link| link.base.clone()),
            dirty: None,
            link,
            local,
            conflicts: Vec::new(),
            intent: None,
            began: Instant::now(),
        }
    }

    /// The local row, unless it is deleted.
    pub(crate) fn live(&self) -> Option<&Local> {
        self.local.as_ref().filter(|row| !row.is_deleted)
    }

    pub(crate) fn is_separate(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_separate)
    }

    /// Both sides in the form in which they are compared.
    ///
    /// # Errors
    /// The fields that cannot be read, and why.
    pub(crate) fn seen(&self, ground: &Ground) -> Result<(Seen, Seen), Map<String, Value>> {
        let local = match self.live() {
            Some(row) => Seen::Here(Version {
                fields: ground.of_local(row)?,
                at: Some(row.edited_at),
            }),
            None => Seen::Gone,
        };
        let remote = match &self.remote {
            Remote::Here { seen, .. } => Seen::Here(Version {
                fields: ground.of_remote(seen)?,
                at: seen.modified_at,
            }),
            Remote::Gone(_) | Remote::Never => Seen::Gone,
            Remote::Unknown(_) => Seen::Unknown,
        };
        Ok((local, remote))
    }

    /// The parents that it names, on either side or in its bases.
    pub(crate) fn name_parents(&self, ground: &Ground, named: &mut Named) {
        if let Ok((local, remote)) = self.seen(ground) {
            for seen in [local, remote] {
                if let Seen::Here(version) = seen {
                    named.add(&ground.map, &version.fields);
                }
            }
        }
        if let Some(Base::Active(bases)) = &self.base {
            named.add(&ground.map, bases.local());
            named.add(&ground.map, bases.remote());
        }
    }

    /// What waits for a person, and what a person has decided, which waits for us.
    pub(crate) fn frozen(&self) -> Frozen {
        let names = self.conflicts.iter().map(|one| one.field.as_str());
        let fields: BTreeSet<String> = names
            .filter(|name| *name != RECORD)
            .map(str::to_owned)
            .collect();
        Frozen {
            record: self.conflicts.iter().any(|one| one.field == RECORD),
            fields,
        }
    }

    /// What a person has decided of a field.
    pub(crate) fn decided(&self, field: &str) -> Option<&Conflict> {
        let mut decided = self
            .conflicts
            .iter()
            .filter(|one| one.status == Status::Resolved);
        decided.find(|one| one.field == field)
    }

    pub(crate) fn modified_at(&self) -> Option<Timestamp> {
        match &self.remote {
            Remote::Here { seen, .. } | Remote::Gone(Some(seen)) => seen.modified_at,
            _ => None,
        }
    }
}

impl Remote {
    fn of(seen: Option<Observed>, was_at_one: bool) -> Remote {
        match seen {
            Some(seen) if seen.is_gone => Remote::Gone(Some(seen)),
            Some(seen) => Remote::Here {
                seen,
                is_fresh: false,
            },
            None if was_at_one => Remote::Unknown("not_seen"),
            None => Remote::Never,
        }
    }

    pub(crate) fn here(&self) -> Option<&Observed> {
        match self {
            Remote::Here { seen, .. } => Some(seen),
            _ => None,
        }
    }
}

fn by_id<K: std::hash::Hash + Eq, T>(rows: Vec<T>, id: impl Fn(&T) -> K) -> HashMap<K, T> {
    rows.into_iter().map(|row| (id(&row), row)).collect()
}
