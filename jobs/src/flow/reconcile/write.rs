//! Write: intents first, then one batch to Creatio, then what it kept of it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use connectors::Verdict;
use connectors::creatio::{Verb as Sending, Write, Written};
use engine::Cx;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::case::Case;
use super::decide::{Planned, What, pushed};
use super::ground::{Ground, Rules};
use super::{look, lost};
use crate::connection::tell;
use crate::creatio::chosen_id;
use crate::plan::fingerprint::fingerprint;
use crate::plan::reconcile::{Act, Pair, Plan};
use crate::store::creatio::intent::{self, Field, New, Verb};
use crate::store::creatio::observed::Observed;
use crate::store::{self, creatio::link};
use crate::{Env, Error};

/// From the look at what is there to the sending. Who took longer was asleep, and somebody else may have the record;
/// and what people did there since then would be written over unseen.
const PROMPT: Duration = Duration::from_secs(5);

/// A case that is to be settled.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) case: Case,
    pub(crate) what: What,
    pub(crate) op_id: Option<Uuid>,
    pub(crate) sent: Sent,
}

/// What became of the write to Creatio.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    Nothing,
    /// It was written; the record as it is there now, if that could be read.
    Done(Option<Observed>),
    /// It was made, under this id, by this user.
    Made(Observed, Option<Uuid>),
    /// Creatio refuses it as it is.
    Rejected(String),
    /// It was surely not sent, or not applied.
    Held,
    /// The record is not there, or hidden.
    Missing,
    Unknown,
}

/// What a planned case sends to Creatio.
fn intent_of(ground: &Ground, rules: &Rules, ready: &Ready) -> Option<New> {
    let What::Do(planned) = &ready.what else {
        return None;
    };
    if !planned.writes_there() {
        return None;
    }
    let link = ready.case.link.as_ref()?;
    let of = (&ready.case, &**planned);
    let (verb, fields, lost) = match &planned.plan {
        Plan::Delete { on, was } => {
            let lost = vec![lost::of_delete(of, *on, was)];
            (Verb::Delete, BTreeMap::new(), lost)
        }
        Plan::Create { fields, .. } => {
            let fields = fields.iter().map(|(name, value)| (name, value, false));
            (Verb::Create, noted(planned, fields), Vec::new())
        }
        Plan::Fields(plans) => {
            let pushes = || plans.iter().filter(|(_, plan)| pushed(plan).is_some());
            let fields = pushes().filter_map(|(name, plan)| {
                Some((name, pushed(plan)?, matches!(plan.act, Act::Both { .. })))
            });
            let lost = pushes().filter_map(|(name, plan)| lost::of_field(rules, of, (name, plan)));
            (Verb::Update, noted(planned, fields), lost.collect())
        }
        _ => return None,
    };
    let mut payload = Map::new();
    for (name, field) in &fields {
        payload.insert(ground.map.fields[name].remote.clone(), field.sent.clone());
    }
    Some(New {
        link_id: link.id,
        remote_id: link.remote_id?,
        verb,
        hash: fingerprint(&json!([verb.word(), payload])).to_vec(),
        payload,
        fields,
        lost,
        expected_at: ready.case.modified_at(),
    })
}

fn noted<'a>(
    planned: &Planned,
    sent: impl Iterator<Item = (&'a String, &'a Value, bool)>,
) -> BTreeMap<String, Field> {
    let field = |(name, sent, is_merged): (&'a String, &'a Value, bool)| {
        let now = Pair::of(name, &planned.local, &planned.remote);
        let field = Field {
            local: now.local.clone(),
            sent: sent.clone(),
            before: now.remote.clone(),
            is_merged,
        };
        (name.clone(), field)
    };
    sent.map(field).collect()
}

/// The id that a record of ours is made under at Creatio.
pub(super) fn remote_id(ground: &Ground, local_id: Uuid) -> Uuid {
    chosen_id(&[
        &ground.connection,
        ground.sort.stream(),
        &local_id.to_string(),
    ])
}

/// Notes everything that is to be sent, and then that it may be; sends it, and reads what was kept of it.
pub(super) async fn write(
    cx: &Cx<Env>,
    ground: &Ground,
    rules: &Rules,
    ready: &mut [Ready],
    looked: Instant,
) -> Result<(), Error> {
    let intents: Vec<New> = ready
        .iter()
        .filter_map(|one| intent_of(ground, rules, one))
        .collect();
    if intents.is_empty() {
        return Ok(());
    }
    let repeated = note(cx, ground, ready, &intents).await?;
    let intents: Vec<New> = intents
        .into_iter()
        .filter(|one| !repeated.contains(&one.link_id))
        .collect();
    if looked.elapsed() > PROMPT {
        return Err(Error::Stopped);
    }
    let sent = send_noted(cx, ready).await?;
    if cx.is_stopped() || looked.elapsed() > PROMPT {
        return Err(Error::Stopped);
    }
    let writes: Vec<(usize, Write)> = intents
        .iter()
        .filter_map(|one| of_intent(ground, ready, one, &sent))
        .collect();
    let parts: Vec<Write> = writes.iter().map(|(_, write)| write.clone()).collect();
    let until = Some(looked + PROMPT);
    let asked = ground.client.write_until(&parts, until).await;
    let verdict = match &asked {
        Ok(all) if all.iter().all(|one| matches!(one, Written::Unknown)) && !all.is_empty() => {
            Verdict::Unknown
        }
        Ok(_) => Verdict::Ok,
        Err(error) => error.verdict(),
    };
    tell(cx, &ground.connection, &verdict).await;
    let answers = match asked {
        Ok(answers) => answers,
        Err(error) => {
            // Surely nothing was applied: it may be planned anew.
            take_back(cx, &sent).await?;
            return Err(ground
                .env
                .connections
                .judge(&ground.connection, error)
                .await);
        }
    };
    for ((at, write), answer) in writes.iter().zip(answers) {
        ready[*at].sent = of_answer(ground, write, answer);
    }
    read_back(cx, ground, ready).await
}

/// Writes the intents; those that Creatio was sent three times within the hour already, and did not keep, are not
/// sent again.
async fn note(
    cx: &Cx<Env>,
    ground: &Ground,
    ready: &mut [Ready],
    intents: &[New],
) -> Result<Vec<i64>, Error> {
    let (attempt, intents) = (cx.clone(), intents.to_vec());
    let (repeated, ids): (Vec<i64>, HashMap<i64, Uuid>) =
        store::in_transaction(&ground.env.pool, move |tx| {
            Box::pin(async move {
                attempt.checkpoint(tx).await?;
                let links: Vec<i64> = intents.iter().map(|one| one.link_id).collect();
                let hashes: Vec<Vec<u8>> = intents.iter().map(|one| one.hash.clone()).collect();
                let repeated = intent::repeated(tx, &links, &hashes).await?;
                let fresh: Vec<New> = intents
                    .into_iter()
                    .filter(|one| !repeated.contains(&one.link_id))
                    .collect();
                let links: Vec<i64> = fresh.iter().map(|one| one.link_id).collect();
                let ids = intent::plan(tx, attempt.job_id(), &fresh).await?;
                link::begin(tx, &links).await?;
                Ok((repeated, ids.into_iter().collect()))
            })
        })
        .await?;
    for one in ready {
        let Some(link) = &one.case.link else {
            continue;
        };
        one.op_id = ids.get(&link.id).copied();
        if repeated.contains(&link.id) {
            one.what = What::Fail {
                code: "not_kept",
                detail: Value::Null,
            };
        }
    }
    Ok(repeated)
}

/// A crash from here on may have happened after the sending.
async fn send_noted(cx: &Cx<Env>, ready: &[Ready]) -> Result<Vec<Uuid>, Error> {
    let (attempt, ids) = (
        cx.clone(),
        ready.iter().filter_map(|one| one.op_id).collect::<Vec<_>>(),
    );
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            intent::send(tx, &ids).await
        })
    })
    .await
}

async fn take_back(cx: &Cx<Env>, op_ids: &[Uuid]) -> Result<(), Error> {
    let (attempt, ids) = (cx.clone(), op_ids.to_vec());
    store::in_transaction(&cx.env().pool, move |tx| {
        Box::pin(async move {
            attempt.hold(tx).await?;
            let ends: Vec<intent::End> = ids
                .into_iter()
                .map(|op_id| intent::End {
                    op_id,
                    state: intent::State::Rejected,
                    code: Some("not_sent".to_owned()),
                    unkept: Vec::new(),
                })
                .collect();
            intent::end(tx, &ends).await.map(drop)
        })
    })
    .await
}

fn of_intent(
    ground: &Ground,
    ready: &[Ready],
    intent: &New,
    sent: &[Uuid],
) -> Option<(usize, Write)> {
    let is_its = |one: &Ready| {
        one.case
            .link
            .as_ref()
            .is_some_and(|link| link.id == intent.link_id)
    };
    let at = ready
        .iter()
        .position(|one| is_its(one) && one.op_id.is_some_and(|id| sent.contains(&id)))?;
    let verb = match intent.verb {
        Verb::Create => Sending::Create(intent.payload.clone()),
        Verb::Update => Sending::Update(intent.payload.clone()),
        Verb::Delete => Sending::Delete,
    };
    let write = Write {
        set: ground.map.remote.clone(),
        id: intent.remote_id,
        verb,
    };
    Some((at, write))
}

fn of_answer(ground: &Ground, write: &Write, answer: Written) -> Sent {
    match (answer, &write.verb) {
        (Written::Done(Some(record)), Sending::Create(_)) => {
            let by = record.fields.get("CreatedById").and_then(Value::as_str);
            let by = by.and_then(|id| id.parse().ok());
            Sent::Made(ground.observed(record), by)
        }
        (Written::Done(record), Sending::Update(_)) => {
            Sent::Done(record.map(|one| ground.observed(one)))
        }
        (Written::Done(_) | Written::Missing, Sending::Delete) => Sent::Done(None),
        // It is there under our id: read what it is.
        (Written::Done(None) | Written::Exists, _) => Sent::Unknown,
        (Written::Missing, _) => Sent::Missing,
        (Written::Rejected { code, .. }, _) => Sent::Rejected(code),
        (Written::Retry(_), _) => Sent::Held,
        _ => Sent::Unknown,
    }
}

/// What Creatio made of the values: a change is answered without them.
async fn read_back(cx: &Cx<Env>, ground: &Ground, ready: &mut [Ready]) -> Result<(), Error> {
    let is_change = |one: &Ready| {
        one.sent == Sent::Done(None)
            && matches!(&one.what, What::Do(planned) if matches!(planned.plan, Plan::Fields(_)))
    };
    let ids: Vec<Uuid> = ready
        .iter()
        .filter(|one| is_change(one))
        .filter_map(|one| one.case.remote_id)
        .collect();
    // It is written, whether or not it can be read now: the next look tells.
    let Ok(found) = look::read(cx, ground, &ids).await else {
        return Ok(());
    };
    for one in ready.iter_mut().filter(|one| is_change(one)) {
        if let Some(Some(Ok(seen))) = one.case.remote_id.and_then(|id| found.get(&id)) {
            one.sent = Sent::Done(Some(seen.clone()));
        }
    }
    Ok(())
}
