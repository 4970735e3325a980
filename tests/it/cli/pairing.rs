//! What a person says of records in review, at the command line.

use serde_json::{Value, json};
use sim::creatio::Change;
use uuid::Uuid;

use super::creatio::World;
use super::ended;

/// Two contacts of ours that could be one of Creatio's: its id there, and ours with their numbers.
async fn in_question(world: &World) -> (String, [(String, String); 2]) {
    let annie = json!({"Name": "Annie", "Email": "info@inn.example"});
    let there = world.vendor.change(Change::add("Contact", annie));
    let there = there.expect("a contact of Creatio's");
    sqlx::query(
        "insert into sync.contact (connection, full_name, email) \
         select 'creatio/acme', name, 'info@inn.example' from unnest(array['Ann', 'Bob']) name",
    )
    .execute(world.database.pool())
    .await
    .expect("contacts of ours");
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let review = [
        "record",
        "list",
        "--status",
        "manual_review",
        "--sort",
        "contact",
    ];
    let list = world.told(0, &review).await;
    let rows = list.as_array().expect("rows").iter();
    let ours = rows.filter(|one| one["local_id"].is_string());
    let ours = ours.map(|one| (text(&one["local_id"]), one["id"].to_string()));
    let ours: Vec<_> = ours.collect();
    (there, ours.try_into().expect("two"))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn two_records_are_said_to_be_one_and_one_to_be_its_own() {
    let world = World::of("pairing", 0).await;
    let (there, [(ann, _), (bob, number)]) = in_question(&world).await;
    let pair = ["record", "pair", "contact", &ann, &there];
    let separate = ["record", "separate", &number];
    let of_bob = ["record", "show", "contact", &bob];

    for words in [&pair[..], &separate[..]] {
        let words: Vec<&str> = words.iter().chain(&["--dry-run"]).copied().collect();
        let (code, out, err) = ended(world.say(&words)).await;
        assert_eq!(code, 0, "{err}");
        assert!(
            format!("{out}{err}").contains("Nothing was changed"),
            "{out} {err}"
        );
    }
    let still = world.told(0, &of_bob).await;
    let trail = (
        world.audited("record.pair").await,
        world.audited("record.separate").await,
    );
    world.told(0, &pair).await;
    world.told(0, &separate).await;
    world.told(0, &["sync", "creatio", "sync-all"]).await;
    let ann = world.told(0, &["record", "show", "contact", &ann]).await;
    let bob = world.told(0, &of_bob).await;

    assert_eq!((&still["status"], trail), (&json!("manual_review"), (0, 0)));
    assert_eq!(
        (&ann["status"], &ann["remote_id"]),
        (&json!("success"), &json!(there))
    );
    assert_eq!(bob["status"], "success");
    assert_ne!(bob["remote_id"], json!(there));
    let contacts = world.vendor.records("Contact");
    assert!(
        contacts.iter().any(|one| one["Name"] == "Bob"),
        "{contacts:?}"
    );
    assert_eq!(world.audited("record.pair").await, 1);
    assert_eq!(world.audited("record.separate").await, 1);
}

#[tokio::test]
async fn wrong_ids_are_told_apart_and_change_nothing() {
    let world = World::of("wrong-ids", 0).await;
    let (there, [(ann, number), (bob, _)]) = in_question(&world).await;
    let nobody = Uuid::from_u128(1).to_string();
    world
        .told(0, &["record", "pair", "contact", &bob, &there])
        .await;
    let table: &[(&[&str], i32, &str)] = &[
        (&["record", "pair", "contact", &nobody, &there], 3, &nobody),
        (&["record", "pair", "contact", &ann, &nobody], 3, &nobody),
        (&["record", "pair", "lead", &ann, &there], 3, &ann),
        (&["record", "pair", "contact", "ann", &there], 2, "ann"),
        (
            &["record", "pair", "contacts", &ann, &there],
            2,
            "participant",
        ),
        (
            &["record", "pair", "contact", &bob, &there],
            4,
            "a pair already",
        ),
        (
            &["record", "pair", "contact", &ann, &there],
            4,
            "another counterpart",
        ),
        (
            &[
                "record",
                "pair",
                "contact",
                &ann,
                &there,
                "--connection",
                "creatio/none",
            ],
            3,
            "creatio/none",
        ),
        (&["record", "separate", "999999"], 3, "999999"),
    ];

    for (words, code, said) in table {
        let (ended, out, err) = ended(world.say(words)).await;

        assert_eq!(ended, *code, "{words:?} {out} {err}");
        assert!(err.contains(said), "{words:?} {err}");
    }
    world.told(0, &["record", "separate", &number]).await;
    let (twice, _, err) = ended(world.say(&["record", "separate", &number])).await;
    assert_eq!(twice, 4, "{err}");
    assert!(err.contains("in no review"), "{err}");
    assert_eq!(world.audited("record.pair").await, 1, "only what was done");
    assert_eq!(world.audited("record.separate").await, 1);
}
