//! `soundtrack.sync_zones` against answers that the simulator, being well-behaved, never gives.

use std::sync::{Arc, Mutex};

use connectors::budget::BucketConfig;
use engine::State;
use engine::testing::{WorkerGuard, run_worker};
use jobs::connection::Connections;
use jobs::run::Status;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{House, client, options, registry};

/// A remote that answers what it is told to, one answer a call; the last one stays.
struct Script {
    answers: Arc<Mutex<Vec<Value>>>,
    house: House,
    company: i64,
    _worker: WorkerGuard,
}

impl Script {
    async fn new() -> Script {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v2", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(Vec::new()));
        let script = answers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone()));
            }
        });
        let house = House::new().await;
        let bucket = BucketConfig {
            capacity: 1_000_000,
            refill_per_s: 1e6,
            refill_ceiling_per_s: 1e6,
        };
        let remote = client(&url, "token", 100, bucket);
        let env = jobs::Env {
            connections: Connections::of_soundtrack(remote),
            ..house.env.clone()
        };
        let worker = run_worker(house.engine(), registry(&env, 2), options(2));
        let company = house.company(Some("a")).await;
        Script {
            answers,
            house,
            company,
            _worker: worker,
        }
    }

    fn answers(&self, mut answers: Vec<Value>) {
        answers.reverse();
        *self.answers.lock().unwrap() = answers;
    }
}

/// One answer a connection keeps this short.
async fn serve(mut stream: TcpStream, script: Arc<Mutex<Vec<Value>>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            break;
        }
    }
    let body = {
        let mut script = script.lock().unwrap();
        let last = script.len() == 1;
        let answer = if last {
            script.last().cloned()
        } else {
            script.pop()
        };
        answer.unwrap_or_default().to_string()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all((head + &body).as_bytes()).await;
}

fn zone(id: &str, name: &str) -> Value {
    json!({
        "id": id, "name": name, "isPaired": true, "online": true, "streamingType": "TIER_3",
        "location": null, "device": null,
        "subscription": {"state": "ACTIVE", "isActive": true, "activeUntil": null},
        "status": {"state": "OK", "code": "ALL_OK"},
        "playFrom": null, "schedule": null, "playback": null,
    })
}

fn answer(zones: &[Value], total: usize, next: Option<&str>) -> Value {
    let edges: Vec<Value> = zones
        .iter()
        .map(|node| json!({"cursor": "x", "node": node}))
        .collect();
    let info = json!({"hasNextPage": next.is_some(), "endCursor": next});
    let zones = json!({"total": total, "pageInfo": info, "edges": edges});
    json!({"data": {"account": {"id": "a", "businessName": "Inn", "soundZones": zones}}})
}

fn bad(id: &str) -> Value {
    let mut bad = zone(id, "Bad");
    bad["online"] = json!("perhaps");
    bad
}

#[tokio::test]
async fn a_bad_record_stops_no_other_and_is_kept_until_it_is_good() {
    let script = Script::new().await;
    script.answers(vec![answer(&[zone("1", "A"), zone("2", "B")], 2, None)]);
    script.house.synced(script.company).await;
    let before = script.house.versions(script.company).await;

    script.answers(vec![answer(
        &[zone("1", "A"), bad("2"), zone("3", "C")],
        3,
        None,
    )]);
    let partial = script.house.synced(script.company).await;
    let kept: (String, String, Value, String) =
        sqlx::query_as("select key, field, raw, status from sync.quarantine")
            .fetch_one(&script.house.env.pool)
            .await
            .unwrap();
    let held_back = script.house.versions(script.company).await;
    script.answers(vec![answer(
        &[zone("1", "A"), zone("2", "B"), zone("3", "C")],
        3,
        None,
    )]);
    let whole = script.house.synced(script.company).await;

    assert_eq!(
        (partial.status.as_str(), partial.synced, partial.errors),
        ("partial", 2, 1)
    );
    assert_eq!((partial.orphaned, partial.created), (0, 1));
    assert_eq!(
        (kept.0.as_str(), kept.1.as_str(), kept.3.as_str()),
        ("2", "online", "open")
    );
    assert_eq!(kept.2, bad("2"));
    assert_eq!(
        held_back[..2],
        before[..],
        "what could not be read changes no row"
    );
    assert_eq!((whole.status.as_str(), whole.unchanged), ("succeeded", 3));
    let open: i64 =
        sqlx::query_scalar("select count(*) from sync.quarantine where status = 'open'")
            .fetch_one(&script.house.env.pool)
            .await
            .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn too_many_bad_records_stop_the_run_and_apply_nothing() {
    let script = Script::new().await;
    let mut zones: Vec<Value> = (0..21).map(|nth| bad(&format!("bad {nth}"))).collect();
    zones.push(zone("good", "A"));

    script.answers(vec![answer(&zones, 22, None)]);
    let failed = script.house.sync(script.company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Dead, Some("too_many_bad_records"))
    );
    assert!(script.house.zones(script.company).await.is_empty());
    assert_eq!(
        script.house.latest_run(script.company).await.status,
        Status::Failed
    );
}

#[tokio::test]
async fn a_page_of_which_nothing_can_be_read_stops_the_run_and_sets_nothing_aside() {
    let script = Script::new().await;
    let good = [zone("1", "A"), zone("2", "B"), zone("3", "C")];
    script.answers(vec![answer(&good, 3, None)]);
    script.house.synced(script.company).await;

    script.answers(vec![answer(&[bad("1"), bad("2"), bad("3")], 3, None)]);
    let failed = script.house.sync(script.company).await;
    let run = script.house.latest_run(script.company).await;
    let set_aside: i64 = sqlx::query_scalar("select count(*) from sync.quarantine")
        .fetch_one(&script.house.env.pool)
        .await
        .unwrap();
    script.answers(vec![answer(&good, 3, None)]);
    let mended = script.house.synced(script.company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref(), failed.failed),
        (State::Dead, Some("page_unreadable"), 1)
    );
    let error = run.error.unwrap_or_default();
    assert!(error.contains("online is not"), "{error}");
    assert!(error.contains("dry run"), "it says what to do: {error}");
    assert!(!error.contains("perhaps"), "no value is told: {error}");
    assert_eq!((run.status, set_aside), (Status::Failed, 0));
    assert_eq!((mended.status.as_str(), mended.unchanged), ("succeeded", 3));
}

#[tokio::test]
async fn a_whole_page_that_cannot_be_read_is_told_as_that_however_long_it_is() {
    let script = Script::new().await;
    let zones: Vec<Value> = (0..21).map(|nth| bad(&format!("bad {nth}"))).collect();

    script.answers(vec![answer(&zones, 21, None)]);
    let failed = script.house.sync(script.company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Dead, Some("page_unreadable"))
    );
}

#[tokio::test]
async fn two_bad_records_that_are_a_whole_page_are_two_bad_records() {
    let script = Script::new().await;

    script.answers(vec![answer(&[bad("1"), bad("2")], 2, None)]);
    let summary = script.house.synced(script.company).await;

    assert_eq!((summary.status.as_str(), summary.errors), ("partial", 2));
}

#[tokio::test]
async fn a_circle_of_cursors_ends_the_walk_and_proves_nothing() {
    let script = Script::new().await;
    let (one, two) = ([zone("1", "A")], [zone("2", "B")]);

    script.answers(vec![
        answer(&one, 3, Some("x")),
        answer(&two, 3, Some("y")),
        answer(&one, 3, Some("x")),
    ]);
    let summary = script.house.synced(script.company).await;

    assert_eq!(
        (
            summary.status.as_str(),
            summary.sweep.as_str(),
            summary.synced
        ),
        ("partial", "unproven", 2)
    );
}

#[tokio::test]
async fn text_that_postgres_cannot_store_costs_no_zone() {
    let script = Script::new().await;

    script.answers(vec![answer(
        &[zone("1", "A\u{0}B"), zone("2", "C")],
        2,
        None,
    )]);
    let first = script.house.synced(script.company).await;
    let second = script.house.synced(script.company).await;

    assert_eq!((first.created, second.unchanged), (2, 2));
    assert_eq!(
        script.house.zones(script.company).await[0].name,
        "A\u{fffd}B"
    );
}

#[tokio::test]
async fn one_id_twice_on_a_page_is_one_zone() {
    let script = Script::new().await;

    script.answers(vec![answer(
        &[zone("1", "A"), zone("1", "A"), zone("2", "B")],
        2,
        None,
    )]);
    let summary = script.house.synced(script.company).await;

    let run = script.house.latest_run(script.company).await;
    assert_eq!((summary.created, run.counters.duplicate), (2, 1));
    assert_eq!(summary.status, "succeeded");
}
