//! Preview: what a sync of packages would do, found out by asking the CRM and comparing, with nothing written.

use std::time::Duration;

use connectors::Verdict;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::apply::{bad_of, is_another, is_unreadable, readable, row};
use super::fetch::{Fetched, fetch, stored};
use super::story::{of_absent, of_answer};
use super::{Link, Package, STREAM, story};
use crate::flow::Bad;
use crate::store::history::Event;
use crate::{Env, Error, RecordChange, store};

/// When a refusal names no wait.
const THROTTLED: Duration = Duration::from_secs(10);

/// What a sync of one profile would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfilePreview {
    pub profile_id: Uuid,
    /// `synced`; or why not: `unmatched`, `in_review`, or the code of what failed.
    pub status: String,
    /// The customer it would be, if that is new, and how sure that is in percent.
    pub link: Option<(String, i16)>,
    /// Why a person would be asked: `several`, `weak`, `taken`, `moved` or `shared`.
    pub reason: Option<String>,
    /// Packages of the answer that can be read, and those that cannot.
    pub packages: i64,
    pub bad: i64,
    /// What would become of packages, field by field: `created`, `updated`, `revived`,
    /// `missing`, `gone` or `quarantined`.
    pub changes: Vec<RecordChange>,
}

/// Asks for one profile and writes nothing. A call that must wait for the budget waits here.
///
/// # Errors
/// [`Error::UnknownProfile`]; [`Error::Unproven`]; [`Error::Remote`]; [`Error::Database`].
pub async fn preview(env: &Env, profile_id: Uuid) -> Result<ProfilePreview, Error> {
    let (profile, link) = stored(env, profile_id).await?;
    let fetched = loop {
        match fetch(env, &profile, link.clone()).await {
            Err(Error::Remote(error)) => match error.verdict() {
                Verdict::Throttled { after } => {
                    tokio::time::sleep(after.unwrap_or(THROTTLED)).await;
                }
                _ => return Err(Error::Remote(error)),
            },
            other => break other?,
        }
    };
    let bad = match &fetched {
        Fetched::Packages { found, .. } => bad_of(found),
        Fetched::Nobody | Fetched::Unsure(..) => Vec::new(),
    };
    let (rows, (open, all_bad)) = store::in_transaction(&env.pool, move |tx| {
        Box::pin(async move {
            let partition = story::partition(profile_id);
            let ignored = store::quarantine::ignored(tx, STREAM, &partition, &bad).await?;
            let all = bad.len();
            let mut open = bad;
            open.retain(|one| !ignored.contains(&one.quarantine_key()));
            let rows = store::package::list(tx, profile_id, true).await?;
            Ok::<_, Error>((rows, (open, all)))
        })
    })
    .await?;
    Ok(told(
        (profile_id, link.as_ref()),
        &fetched,
        &rows,
        (&open, all_bad),
    ))
}

/// What the answer makes of the rows that stand there.
/// Of so many bad rows, those are told that nobody has said to ignore.
fn told(
    (profile_id, now): (Uuid, Option<&Link>),
    fetched: &Fetched,
    rows: &[Package],
    (open, all_bad): (&[Bad], usize),
) -> ProfilePreview {
    let nothing = ProfilePreview {
        profile_id,
        status: "unmatched".to_owned(),
        link: None,
        reason: None,
        packages: 0,
        bad: 0,
        changes: Vec::new(),
    };
    match fetched {
        Fetched::Nobody => nothing,
        Fetched::Unsure(reason, _) => ProfilePreview {
            status: "in_review".to_owned(),
            reason: Some((*reason).to_owned()),
            ..nothing
        },
        Fetched::Packages {
            link, hash, found, ..
        } => {
            let quarantined = open.iter().map(story::of_bad);
            let (bad, fetched) = (open.len() as u64, found.items.len() as u64);
            if is_unreadable(found, all_bad, bad) {
                return ProfilePreview {
                    status: Error::TooManyBad { bad, fetched }.code().to_owned(),
                    bad: open.len() as i64,
                    changes: quarantined.map(change).collect(),
                    ..nothing
                };
            }
            let is_new = now.is_none_or(|now| now.customer_id != link.customer_id);
            let good: Vec<_> = found.items.iter().filter_map(readable).collect();
            let answer: Vec<Value> = good.iter().map(|one| row(one)).collect();
            let stored = |one: &Value| rows.iter().find(|row| one["id"] == row.id.as_str());
            let mut changes: Vec<Event> = answer
                .iter()
                .filter_map(|one| of_answer(one, stored(one)))
                .collect();
            let named: Option<Vec<&str>> =
                found.items.iter().map(|one| one.id.as_deref()).collect();
            if let Some(named) = named.filter(|_| found.is_whole) {
                let is_others = is_another(now, link, hash);
                let left = rows.iter().filter(|row| !named.contains(&row.id.as_str()));
                changes.extend(left.filter_map(|row| of_missing(row, is_others)));
            }
            changes.extend(quarantined);
            ProfilePreview {
                status: "synced".to_owned(),
                link: is_new.then(|| (link.customer_id.clone(), link.confidence)),
                packages: good.len() as i64,
                bad: open.len() as i64,
                changes: changes.into_iter().map(change).collect(),
                ..nothing
            }
        }
    }
}

/// As the sweep does: missing first, and gone when it has been so for ten minutes.
fn of_missing(row: &Package, is_others: bool) -> Option<Event> {
    let is_news = is_others || row.missing_since.is_none() || row.is_overdue;
    let is_gone = is_others || row.missing_since.is_some();
    (row.gone_at.is_none() && is_news).then(|| of_absent(&row.id, is_gone))
}

fn change(event: Event) -> RecordChange {
    RecordChange {
        key: event.key,
        event: event.event.to_owned(),
        changes: Value::Object(event.changes),
    }
}
