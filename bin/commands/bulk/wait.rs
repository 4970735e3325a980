//! Waiting for an act on many, and helping with it: without any worker it is done all the same.

use std::time::Duration;

use engine::{BulkState, BulkView};
use serde_json::json;
use uuid::Uuid;

use crate::app::{App, Session};
use crate::output::{Exit, Fault, Progress, plural, short};

/// How often to look while others are at it, or it waits for its time.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits until it is over, and says what came of it.
pub(super) async fn watch(app: &App, session: &Session, id: Uuid) -> anyhow::Result<Exit> {
    let mut progress = Progress::new(&app.out);
    let bulk = loop {
        let bulk = session.client.bulk(id).await?;
        if bulk.state.is_over() {
            break bulk;
        }
        let (done, of) = (count(bulk.handled()), count(bulk.matched));
        progress.at(done, of.max(done), &doing(&bulk));
        if !session.client.advance_bulk(id).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    progress.finish();
    tell(app, session, &bulk).await
}

async fn tell(app: &App, session: &Session, bulk: &BulkView) -> anyhow::Result<Exit> {
    for refusal in session.client.bulk_results(bulk.id).await? {
        app.out.note(&format!(
            "{} refused as {}: {}",
            plural(usize::try_from(refusal.jobs).unwrap_or(usize::MAX), "job"),
            refusal.code,
            refusal.message
        ));
    }
    let (id, value) = (bulk.id, json!(bulk));
    let counts = format!(
        "{} done, {} skipped, {} refused",
        bulk.done, bulk.skipped, bulk.refused
    );
    let words = format!(
        "Bulk act {id} is {}: {counts}. See it: lockstep bulk show {id}",
        bulk.state.as_str()
    );
    app.out.done(&words, &id.to_string(), &value)?;
    let why = bulk.error.clone().unwrap_or_default();
    let fault =
        |exit| Fault::new(exit, format!("bulk act {id} was {}", bulk.state.as_str())).why(&why);
    let resume = format!("once that is mended: lockstep bulk resume {id}");
    match bulk.state {
        BulkState::Failed => Err(fault(Exit::Failure).fix(resume).into()),
        BulkState::Stopped | BulkState::Aborted => Err(fault(Exit::Partial).fix(resume).into()),
        _ if bulk.refused > 0 => Ok(Exit::Partial),
        _ => Ok(Exit::Ok),
    }
}

fn doing(bulk: &BulkView) -> String {
    let left = bulk.eta_s.map(Duration::from_secs_f64);
    match (bulk.state, left) {
        (BulkState::Waiting, _) => format!("waiting for {} canary jobs", bulk.canary_ids.len()),
        (_, Some(left)) => format!("done, {} left", short(left)),
        _ => "done".to_owned(),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
