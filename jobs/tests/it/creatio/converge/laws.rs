//! Laws: what holds at any moment, or of all that was ever done (I5, I6, I8 to I12, I14), whatever a clock says.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use sim::creatio::Guid;
use sim::wire::Span;
use uuid::Uuid;

use super::super::support::{CREATIO, House};
use super::story::FIELDS;

/// Until when all changes of the vendor's leads have been seen, as it was looked at last (I5).
#[derive(Debug, Default)]
pub(crate) struct Watermark(Option<i64>);

impl Watermark {
    /// It has not gone back, and no lead that was modified before it differs from what was seen of it.
    pub(crate) async fn look(&mut self, house: &House) {
        let (at, seen) = at_once(house).await;
        assert!(
            at >= self.0,
            "the watermark went back from {:?} to {at:?} (I5)",
            self.0
        );
        self.0 = at;
        // The vendor is looked at later: what is older than the watermark has not changed since.
        for record in house.vendor.records("Lead") {
            let id: Uuid = record["Id"].as_str().unwrap().parse().unwrap();
            let modified: Timestamp = record["ModifiedOn"].as_str().unwrap().parse().unwrap();
            if Some(modified.as_microsecond()) >= at {
                continue;
            }
            let Some(known) = seen.get(&id) else {
                panic!("{id} of {modified} was never seen, and the watermark is {at:?} (I5)");
            };
            for (_, name) in FIELDS {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                assert_eq!(
                    text(&known[name]),
                    text(&record[name]),
                    "{name} of {id} was saved at {modified}, before the watermark {at:?}, and was not seen (I5)"
                );
            }
        }
    }
}

/// The watermark and what was seen, of one instant.
async fn at_once(house: &House) -> (Option<i64>, BTreeMap<Uuid, Value>) {
    let (at, seen): (Option<i64>, Option<Value>) = sqlx::query_as(
        "select (select (extract(epoch from watermark_at) * 1000000)::bigint from sync.stream \
                 where name = 'creatio.leads' and connection = $1), \
             (select jsonb_object_agg(remote_id, fields) from sync.observed \
                 where stream = 'creatio.leads' and connection = $1)",
    )
    .bind(CREATIO)
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    let seen: BTreeMap<Uuid, Value> = seen
        .map(|seen| serde_json::from_value(seen).unwrap())
        .unwrap_or_default();
    (at, seen)
}

/// What all that was done must have kept to, once all is quiet. `expiries`: how often the vendor let all tokens run out; `lost`: how many
/// processes died, each of which may have taken a token with it.
pub(crate) async fn check_laws(house: &House, expiries: usize, lost: usize) {
    counters_tell_each_record_once(house).await;
    tokens_are_minted_once(house, expiries, lost);
    no_writes_of_a_record_overlap(house);
    nobody_paid_for_waiting(house).await;
    every_record_is_seen_or_kept(house).await;
    no_error_tells_of_people(house).await;
}

/// I6: what a run counts is what it found, and what its history tells.
async fn counters_tell_each_record_once(house: &House) {
    let wrong: Vec<String> = sqlx::query_scalar(
        "with run as ( \
             select r.*, \
                 (select count(*) from sync.history h where h.run_id = r.id and h.event = 'created') as creations, \
                 (select count(*) from sync.history h where h.run_id = r.id and h.event = 'gone') as ends \
             from sync.run r where r.ended_at is not null and r.stream like 'creatio.%' \
         ) \
         select to_jsonb(run)::text from run where created <> creations or orphaned + gone <> ends",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    assert!(wrong.is_empty(), "{} (I6)", wrong.join("\n"));
    // Nothing has moved since: the last walk over everything has counted all there is.
    let counted: i64 = sqlx::query_scalar(
        "select (created + updated + unchanged + revived + quarantined + ignored)::bigint from sync.run \
         where stream = 'creatio.leads' and connection = $1 and mode = 'all' and status = 'succeeded' \
         order by id desc limit 1",
    )
    .bind(CREATIO)
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    assert_eq!(counted, house.vendor.count("Lead") as i64, "(I6)");
}

/// I8: one token for each time that all ran out; whoever has an old one is refused, and asks for no other.
fn tokens_are_minted_once(house: &House, expiries: usize, lost: usize) {
    let minted = house
        .vendor
        .log()
        .iter()
        .filter(|call| call.path.ends_with("/connect/token") && call.status == 200)
        .count();
    assert!(
        minted <= 1 + expiries + lost,
        "{minted} tokens for {expiries} expiries and {lost} deaths (I8)"
    );
}

/// I9: while one call writes a record, no other does.
fn no_writes_of_a_record_overlap(house: &House) {
    let spans: BTreeMap<u64, Span> = house
        .vendor
        .spans()
        .into_iter()
        .map(|span| (span.arrival, span))
        .collect();
    let mut last: HashMap<(&str, Guid), &Span> = HashMap::new();
    for save in house.vendor.saves() {
        let Some(span) = save.arrival.and_then(|arrival| spans.get(&arrival)) else {
            continue;
        };
        let before = last.insert((save.entity, save.id), span);
        let Some(before) = before.filter(|before| before.arrival != span.arrival) else {
            continue;
        };
        let (first, second) = match before.began_us <= span.began_us {
            true => (before, span),
            false => (span, before),
        };
        assert!(
            first.ended_us.is_some_and(|end| end <= second.began_us),
            "two calls wrote {} {} at once: {first:?}, {second:?} (I9)",
            save.entity,
            save.id
        );
    }
}

/// I11: what waits for a limit or a breaker loses no attempt by it.
async fn nobody_paid_for_waiting(house: &House) {
    let spent: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(a)::text from engine.attempt a \
         where code in ('throttled', 'breaker_open', 'auth_expired') and outcome <> 'snooze'",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    assert!(spent.is_empty(), "waiting cost attempts (I11): {spent:#?}");
    let doubts = "select count(*) from sync.intent where state not in ('acked', 'rejected')";
    assert_eq!(house.count(doubts).await, 0, "writes in doubt are left");
}

/// I12: each of the vendor's records is applied or in quarantine, and what the vendor has no more is in neither.
async fn every_record_is_seen_or_kept(house: &House) {
    let mut kept: Vec<String> = sqlx::query_scalar(
        "select remote_id::text from sync.observed where stream = 'creatio.leads' and gone_at is null \
         union all select key from sync.quarantine where stream = 'creatio.leads' and status = 'open' order by 1",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    let records = house.vendor.records("Lead");
    let mut all: Vec<&str> = records
        .iter()
        .map(|one| one["Id"].as_str().unwrap())
        .collect();
    all.sort_unstable();
    kept.sort_unstable();
    assert_eq!(kept, all, "seen or in quarantine, and there (I12)");
}

/// I14, as far as the database goes: what is told of a failure names no person, no value and no secret.
async fn no_error_tells_of_people(house: &House) {
    let told: Vec<String> = sqlx::query_scalar(
        "select t from ( \
             select error from engine.attempt union all select error from sync.run \
             union all select concat(code, detail) from sync.link union all select code from sync.operation \
             union all select code from sync.intent \
         ) as told (t) where t is not null",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    assert_untold(&house.vendor.config().client_secret, told.iter());
}

/// I14: no line has a secret, an access token, an address or a word that somebody wrote.
pub(crate) fn assert_untold(secret: &str, lines: impl Iterator<Item = impl AsRef<str>>) {
    for line in lines {
        let line = line.as_ref();
        let told = [secret, "sim-access-", "@inn.example"]
            .into_iter()
            .any(|word| line.contains(word))
            || tells_a_word(line);
        assert!(!told, "this tells what it must not: {line} (I14)");
    }
}

/// Words of stories are `w` and eight hexadecimal digits, by themselves.
fn tells_a_word(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|part| {
            part.len() == 9
                && part.starts_with('w')
                && part[1..].chars().all(|c| c.is_ascii_hexdigit())
        })
}
