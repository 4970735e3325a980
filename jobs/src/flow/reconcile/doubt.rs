//! Doubt: what has become of a write of which no answer came. It is looked at before anything else is sent.

use engine::Cx;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::case::{Case, Remote};
use super::decide::What;
use super::ground::Ground;
use super::look::read;
use crate::plan::difference::cut;
use crate::plan::reconcile::{Base, Bases, Fields};
use crate::store::creatio::intent::{End, Intent, State, Verb};
use crate::store::creatio::link;
use crate::store::creatio::observed::{self, Observed};
use crate::store::creatio::site::Site;
use crate::{Env, Error};

/// Longer than a copy that is read from is behind: only then does a create that cannot be found count as none.
const DOUBT_S: f64 = 60.0;
const AGAIN_S: f64 = 5.0;
/// Pages that a create is searched on.
const SEARCHED: usize = 40;
/// Saves that began before what was seen last, and ended after it.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What a look at an intent of before has shown.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) end: End,
    pub(super) link_id: i64,
    /// Creatio gave the record another id than the one we chose.
    pub(super) renamed: Option<Uuid>,
    pub(super) base: Option<Base>,
    /// The record as it is there now.
    pub(super) seen: Option<Observed>,
    pub(super) verb: Verb,
    /// What was sent, in local form: {name: [from, to]}.
    pub(super) changes: Map<String, Value>,
}

/// Looks at everything that may have been written before, and says what has become of it. Nothing is sent for
/// a case before that.
pub(super) async fn resolve(
    cx: &Cx<Env>,
    ground: &Ground,
    cases: &mut [(Case, Option<What>)],
    site: Site,
) -> Result<Vec<Resolved>, Error> {
    let in_doubt = |case: &Case| {
        case.intent
            .as_ref()
            .is_some_and(|one| one.state != State::Planned)
    };
    let ids: Vec<Uuid> = cases
        .iter()
        .filter(|(case, _)| in_doubt(case))
        .filter_map(|(case, _)| case.intent.as_ref().map(|one| one.remote_id))
        .collect();
    let found = read(cx, ground, &ids).await?;
    let mut resolved = Vec::new();
    for (case, what) in cases {
        let Some(intent) = case.intent.take() else {
            continue;
        };
        let looked = found.get(&intent.remote_id);
        let end = match (intent.state, looked) {
            (State::Planned, _) => Some(Verdicted::rejected("not_sent")),
            (_, Some(Some(Ok(seen)))) => Some(was_there(ground, case, &intent, seen, site)),
            (_, Some(None)) => match missing(cx, ground, case, &intent, site).await? {
                Ok(end) => Some(end),
                Err(later) => {
                    *what = Some(later);
                    None
                }
            },
            _ => {
                *what = Some(What::Later {
                    code: "in_doubt",
                    after_s: AGAIN_S,
                });
                None
            }
        };
        let end = end.unwrap_or(Verdicted::IN_DOUBT).of(intent.op_id);
        // What people decided is carried out, and holds up nothing any more.
        let is_applied = |id: i64| {
            let mut lost = intent.lost.iter().filter(|one| one.conflict_id == Some(id));
            end.state == State::Acked && lost.any(|one| !end.unkept.contains(&one.field))
        };
        case.conflicts.retain(|one| !is_applied(one.id));
        resolved.push(Resolved {
            end,
            link_id: intent.link_id,
            renamed: case.remote_id.filter(|id| *id != intent.remote_id),
            base: case.base.clone(),
            seen: case.remote.here().cloned(),
            verb: intent.verb,
            changes: intent
                .fields
                .iter()
                .map(|(name, field)| (name.clone(), json!([cut(&field.before), cut(&field.local)])))
                .collect(),
        });
    }
    Ok(resolved)
}

/// What became of an intent.
struct Verdicted {
    state: State,
    code: Option<&'static str>,
    unkept: Vec<String>,
}

impl Verdicted {
    const IN_DOUBT: Verdicted = Verdicted {
        state: State::Unknown,
        code: Some("in_doubt"),
        unkept: Vec::new(),
    };

    fn acked(unkept: Vec<String>) -> Verdicted {
        Verdicted {
            state: State::Acked,
            code: None,
            unkept,
        }
    }

    fn rejected(code: &'static str) -> Verdicted {
        Verdicted {
            state: State::Rejected,
            code: Some(code),
            unkept: Vec::new(),
        }
    }

    fn of(self, op_id: Uuid) -> End {
        End {
            op_id,
            state: self.state,
            code: self.code.map(str::to_owned),
            unkept: self.unkept,
        }
    }
}

fn was_there(
    ground: &Ground,
    case: &mut Case,
    intent: &Intent,
    seen: &Observed,
    site: Site,
) -> Verdicted {
    let now = ground.of_remote(seen).unwrap_or_default();
    case.remote = Remote::Here {
        seen: seen.clone(),
        is_fresh: true,
    };
    if intent.verb == Verb::Delete {
        return Verdicted::rejected("not_applied");
    }
    let (mut local, mut remote) = match &case.base {
        Some(Base::Active(bases)) => (bases.local().clone(), bases.remote().clone()),
        _ => (Fields::new(), Fields::new()),
    };
    let mut unkept = Vec::new();
    for (name, field) in &intent.fields {
        let value = now.get(name).unwrap_or(&Value::Null);
        let kept = match intent.verb {
            // Nobody else makes a record of that id; but somebody may have changed it since.
            Verb::Create if is_ours(seen, site) => Some(value),
            Verb::Create => Some(&field.sent),
            _ => kept((&field.sent, &field.before), value, is_ours(seen, site)),
        };
        let Some(kept) = kept else {
            unkept.push(name.clone());
            continue;
        };
        // The half that was for this side is not made yet: for the planner it is an edit of theirs.
        let kept = if field.is_merged { &field.before } else { kept };
        local.insert(name.clone(), field.local.clone());
        remote.insert(name.clone(), kept.clone());
    }
    if unkept.len() == intent.fields.len() && intent.verb == Verb::Update {
        return Verdicted::rejected("not_applied");
    }
    case.base = Some(Base::Active(Bases::new(local, remote)));
    Verdicted::acked(unkept)
}

/// What Creatio keeps of a value that it was sent: None when it is as it was before. It may have changed its form;
/// and what somebody else has written since is their edit, and none of ours.
pub(super) fn kept<'a>(
    (sent, before): (&'a Value, &Value),
    now: &'a Value,
    is_ours: bool,
) -> Option<&'a Value> {
    if now == sent {
        return Some(now);
    }
    match (now == before, is_ours) {
        (true, _) => None,
        (false, true) => Some(now),
        (false, false) => Some(sent),
    }
}

/// Whether we are the last to have written a record.
pub(super) fn is_ours(seen: &Observed, site: Site) -> bool {
    seen.modified_by.is_some() && seen.modified_by == site.user_id
}

async fn missing(
    cx: &Cx<Env>,
    ground: &Ground,
    case: &mut Case,
    intent: &Intent,
    site: Site,
) -> Result<Result<Verdicted, What>, Error> {
    match intent.verb {
        Verb::Delete => {
            let remote_at = case.modified_at();
            let local_at = case.local.as_ref().map(|row| row.edited_at);
            case.base = Some(Base::Tombstone {
                local_at,
                remote_at,
            });
            case.remote = Remote::Gone(case.remote.here().cloned());
            Ok(Ok(Verdicted::acked(Vec::new())))
        }
        // A walk has proved it. Whether the update came before the delete, nobody can know: it counts as not made, and
        // what it was to change is still to be said.
        Verb::Update if matches!(case.remote, Remote::Gone(_)) => {
            Ok(Ok(Verdicted::rejected("gone")))
        }
        Verb::Update => Ok(Err(What::Later {
            code: "not_seen",
            after_s: 600.0,
        })),
        // Sent again under the same id, it can be made once at the most.
        Verb::Create if site.keeps_ids == Some(true) || case.is_separate() => {
            Ok(Ok(Verdicted::rejected("not_found")))
        }
        Verb::Create if intent.age_s < DOUBT_S => Ok(Err(What::Later {
            code: "in_doubt",
            after_s: AGAIN_S,
        })),
        Verb::Create => match search(cx, ground, intent).await? {
            Some(seen) => {
                case.remote_id = Some(seen.id);
                Ok(Ok(was_there(ground, case, intent, &seen, site)))
            }
            None if site.keeps_ids.is_none() => Ok(Ok(Verdicted::rejected("not_found"))),
            None => Ok(Err(What::Review {
                code: "create_unknown",
                detail: Value::Null,
            })),
        },
    }
}

/// The one record that was made since then, says what was sent, and is nobody's counterpart.
async fn search(cx: &Cx<Env>, ground: &Ground, intent: &Intent) -> Result<Option<Observed>, Error> {
    let mut conn = cx.env().pool.acquire().await?;
    // By Creatio's clock, which ours says nothing of.
    let of = (ground.connection.as_str(), ground.sort);
    let before = observed::latest(&mut conn, of, intent.sent_at).await?;
    drop(conn);
    let since: Option<Timestamp> = before.and_then(|at| at.checked_sub(MARGIN).ok());
    let (mut cursor, mut alike) = (None, Vec::new());
    for _ in 0..SEARCHED {
        let asked = ground
            .client
            .page(&ground.ask(), cursor.as_deref(), since)
            .await;
        let page = match asked {
            Ok(page) => page,
            Err(error) => {
                return Err(ground
                    .env
                    .connections
                    .judge(&ground.connection, error)
                    .await);
            }
        };
        for item in page.items {
            let Ok(record) = item.decoded else {
                continue;
            };
            let seen = ground.observed(record);
            let now = ground.of_remote(&seen).unwrap_or_default();
            if intent
                .fields
                .iter()
                .all(|(name, field)| now.get(name) == Some(&field.sent))
            {
                alike.push(seen);
            }
        }
        match page.next {
            connectors::page::Next::More(place) => cursor = Some(place),
            _ => break,
        }
    }
    let ids: Vec<Uuid> = alike.iter().map(|one| one.id).collect();
    let mut conn = cx.env().pool.acquire().await?;
    let links = link::of(&mut conn, &ground.connection, ground.sort, (&[], &ids)).await?;
    alike.retain(|one| {
        links
            .iter()
            .all(|link| link.remote_id != Some(one.id) || link.local_id.is_none())
    });
    Ok(if alike.len() == 1 { alike.pop() } else { None })
}
