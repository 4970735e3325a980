//! Lost: whatever becomes of the answer to a write, what it wrote over stands in the journal, and what people decided of
//! it is applied.

use jobs::creatio::conflict::{self, RECORD, Status as Standing, Word};
use jobs::creatio::{Chosen, Decision, Sort, journal::Entry, observe_of};
use serde_json::{Value, json};
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::support::{CREATIO, House, lead};

/// A reconciliation looks, writes, and reads back what was kept: which of the three batches is struck.
const WRITE: u32 = 1;
const READ_BACK: u32 = 2;

/// Leads that are the same on both sides.
async fn pairs(house: &House) -> [(Uuid, Uuid); 4] {
    let mut ids = Vec::new();
    for nth in 0..4 {
        let mut fields = lead(nth);
        fields["notes"] = json!("met at the fair");
        fields["budget"] = json!("5");
        ids.push(house.insert("lead", fields).await);
    }
    house.synced().await;
    let mut pairs = Vec::new();
    for id in ids {
        let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
        pairs.push((id, remote_id));
    }
    pairs.try_into().unwrap()
}

async fn resolve(house: &House, field: &str, decision: Decision) -> i64 {
    let open = house.conflicts().await;
    let one = open.iter().find(|one| one.field == field);
    let id = one.unwrap_or_else(|| panic!("{open:?}")).id;
    let mut tx = house.env.pool.begin().await.unwrap();
    let word = Word {
        by: "nok",
        note: None,
        seen: None,
    };
    conflict::resolve(&mut tx, id, &decision, word)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn settles(house: &House) {
    for _ in 0..3 {
        house.a_while_later().await;
        house.synced().await;
    }
    house.assert_quiet().await;
}

fn told_of<'a>(told: &'a [Entry], id: Uuid, field: &str) -> &'a Entry {
    let mut of = told
        .iter()
        .filter(|entry| entry.local_id == Some(id) && entry.field == field);
    let entry = of.next().unwrap_or_else(|| panic!("{field}: {told:?}"));
    assert_eq!(of.next(), None, "{field} is told twice");
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_write_without_an_answer_wrote_over_is_told_once() {
    let faults = [
        (Kind::StatusAfter { status: 504 }, WRITE),
        (Kind::ShortBatch { keep: 0 }, WRITE),
        (Kind::StatusAfter { status: 504 }, READ_BACK),
        (Kind::ShortBatch { keep: 0 }, READ_BACK),
    ];
    futures::future::join_all(faults.map(|(kind, batch)| is_told_once(kind, batch))).await;
}

async fn is_told_once(kind: Kind, batch: u32) {
    let shown = format!("{kind:?} at batch {batch}");
    let house = House::empty().await;
    let _worker = house.worker();
    let [ruled, decided, merged, deleted] = pairs(&house).await;
    house.set("Lead", decided.1, json!({"Budget": "20"}));
    house.edit("lead", decided.0, json!({"budget": "10"})).await;
    house.delete("lead", deleted.0).await;
    house.set("Lead", deleted.1, json!({"Account": "Last Inn"}));
    house.synced_changes().await;
    let value = resolve(&house, "budget", Decision::Value(json!("15.5"))).await;
    let record = resolve(&house, RECORD, Decision::Take(Chosen::Local)).await;
    // Creatio's clock is months behind, so ours is the newer edit.
    house.set("Lead", ruled.1, json!({"Account": "Their Inn"}));
    house
        .edit("lead", ruled.0, json!({"company": "Our Inn"}))
        .await;
    let grown = |by: &str| format!("met at the fair\n{by}");
    house.set("Lead", merged.1, json!({"Notes": grown("theirs")}));
    house
        .edit("lead", merged.0, json!({"notes": grown("ours")}))
        .await;
    house
        .done(observe_of(CREATIO, Sort::Lead, true, "test"))
        .await;
    let fault = Fault::new(kind).on_path("$batch").after(batch).times(1);
    house.vendor.inject(fault);

    house.reconciled().await;
    assert_eq!(house.vendor.faults()[0].fired, 1, "{shown}");
    settles(&house).await;

    let there = |id: Uuid, field: &'static str| {
        let record = house.vendor.record("Lead", super::support::guid(id));
        record.map_or(Value::Null, |record| record[field].clone())
    };
    let here = async |id: Uuid, field: &str| house.row("lead", id).await[field].clone();
    let both = grown("ours\ntheirs");
    assert_eq!(there(ruled.1, "Account"), "Our Inn", "{shown}");
    assert_eq!(there(merged.1, "Notes"), both.as_str(), "{shown}");
    assert_eq!(here(merged.0, "notes").await, both.as_str(), "{shown}");
    assert_eq!(there(decided.1, "Budget"), "15.5", "{shown}");
    assert_eq!(here(decided.0, "budget").await, "15.5", "{shown}");
    assert_eq!(there(deleted.1, "Account"), Value::Null, "{shown}");
    assert_eq!(house.conflicts().await, [], "{shown}");
    for id in [value, record] {
        let one = conflict::show(&house.env.pool, id).await.unwrap();
        assert_eq!(one.status, Standing::Applied, "{shown}: {one:?}");
    }

    let told = house.journal().await;
    let entry = told_of(&told, ruled.0, "company");
    assert_eq!(
        (entry.event.as_str(), &entry.lost_remote),
        ("overwrote_remote", &json!("Their Inn")),
        "{shown}"
    );
    let entry = told_of(&told, merged.0, "notes");
    assert_eq!(
        (&entry.lost_local, &entry.lost_remote),
        (&json!(grown("ours")), &json!(grown("theirs"))),
        "{shown}"
    );
    let entry = told_of(&told, decided.0, "budget");
    assert_eq!(
        (entry.conflict_id, entry.actor.as_str(), &entry.lost_remote),
        (Some(value), "nok", &json!("20")),
        "{shown}"
    );
    let entry = told_of(&told, deleted.0, RECORD);
    assert_eq!(
        (entry.conflict_id, &entry.lost_remote["company"]),
        (Some(record), &json!("Last Inn")),
        "{shown}"
    );
}
