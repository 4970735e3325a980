//! That there is nothing is said only with proof.

use connectors::supabase::CustomerBy;
use serde_json::json;
use sim::supabase::{Change, Switches};
use sim::wire::{Fault, Kind};

use super::{Bed, id_of, text, walk};

#[tokio::test]
async fn a_customer_without_packages_is_proven_and_a_stranger_is_not() {
    let bed = Bed::new(40).await;
    let client = bed.client();
    let [some, none] = bed.hashes();

    let found = client.packages_of(&some).await.unwrap();
    let nothing = client.packages_of(&none).await.unwrap();
    let stranger = client.packages_of("0123456789abcdef").await.unwrap();

    assert_eq!(found.items.len(), bed.sim.packages_of(&some).len());
    assert!(found.is_whole && found.server_date.is_some());
    assert!(nothing.items.is_empty() && nothing.is_whole);
    assert!(stranger.items.is_empty() && !stranger.is_whole);
}

#[tokio::test]
async fn a_key_without_rights_proves_no_absence() {
    let mut bed = Bed::new(40).await;
    let [some, _] = bed.hashes();
    for key in [
        bed.sim.config().anon_key.clone(),
        bed.sim.config().publishable_key.clone(),
    ] {
        bed.key = key;
        let client = bed.client();

        let packages = client.packages_of(&some).await.unwrap();
        let customers = client
            .find_customers(CustomerBy::StableHash(&some))
            .await
            .unwrap();
        let pages = walk(&client).await.unwrap();

        assert!(packages.items.is_empty() && !packages.is_whole);
        assert!(customers.items.is_empty() && !customers.is_whole);
        assert_eq!(pages[0].next, connectors::page::Next::Unclear);
    }
}

#[tokio::test]
async fn a_reload_of_the_crm_proves_no_absence() {
    let bed = Bed::new(40).await;
    let [some, _] = bed.hashes();
    for table in ["customers", "package_rows"] {
        let table = table.to_owned();
        bed.sim.change(Change::EmptyTable { table }).unwrap();
    }

    let found = bed.client().packages_of(&some).await.unwrap();

    assert!(found.items.is_empty() && !found.is_whole);
}

#[tokio::test]
async fn an_empty_page_that_contradicts_its_count_proves_no_absence() {
    let bed = Bed::new(40).await;
    let [some, _] = bed.hashes();
    bed.sim
        .inject(Fault::new(Kind::EmptyPage).on_path("rpc").times(1));

    let found = bed.client().packages_of(&some).await.unwrap();

    assert!(found.items.is_empty() && !found.is_whole);
}

#[tokio::test]
async fn an_empty_list_without_a_count_proves_no_absence() {
    for (counts, content_range) in [(false, true), (true, false)] {
        let bed = Bed::with(
            40,
            Switches {
                counts,
                content_range,
                ..Switches::default()
            },
        )
        .await;
        let [some, none] = bed.hashes();

        let found = bed.client().packages_of(&some).await.unwrap();
        let nothing = bed.client().packages_of(&none).await.unwrap();

        assert!(
            found.is_whole && !found.items.is_empty(),
            "an empty next page is proof enough"
        );
        assert!(!nothing.is_whole);
    }
}

#[tokio::test]
async fn a_customer_with_more_packages_than_the_cap_has_all_of_them() {
    let bed = Bed::with(
        5,
        Switches {
            max_rows: Some(3),
            ..Switches::default()
        },
    )
    .await;
    for nth in 0..17 {
        let row =
            json!({"id": 9_000 + nth, "stable_hash_id": "many", "expiration_date": "2026-05-01"});
        let table = "package_rows".to_owned();
        bed.sim.change(Change::AddRow { table, row }).unwrap();
    }

    let found = bed.client().packages_of("many").await.unwrap();

    assert_eq!(found.items.len(), 17);
    assert!(found.is_whole);
}

#[tokio::test]
async fn customers_are_found_by_id_hash_address_and_number() {
    let bed = Bed::new(40).await;
    let client = bed.client();
    let rows = bed.sim.rows("customers");
    for row in &rows {
        let (id, hash, email) = (id_of(row), text(row, "stable_hash_id"), text(row, "email"));
        let digits: String = text(row, "contact_number")
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let upper = email.to_uppercase();
        let mut ways = vec![CustomerBy::Id(&id), CustomerBy::StableHash(&hash)];
        if !email.is_empty() {
            ways.push(CustomerBy::Email(&upper));
        }
        if digits.len() > 8 {
            ways.push(CustomerBy::PhoneEnding(&digits[digits.len() - 8..]));
        }
        for by in ways {
            let found = client.find_customers(by).await.unwrap();

            let ids: Vec<_> = found
                .items
                .iter()
                .filter_map(|item| item.id.clone())
                .collect();
            assert!(ids.contains(&id) && found.is_whole, "{by:?}");
        }
    }
}

#[tokio::test]
async fn what_looks_like_a_pattern_is_looked_for_as_it_is() {
    let bed = Bed::new(10).await;
    for (id, email) in [
        (1, "a_b@example.test"),
        (2, "axb@example.test"),
        (3, "50%@example.test"),
    ] {
        let id = format!("ffffffff-0000-4000-8000-00000000000{id}");
        let row = json!({"id": id, "email": email});
        let table = "customers".to_owned();
        bed.sim.change(Change::AddRow { table, row }).unwrap();
    }
    let client = bed.client();

    for (email, count) in [
        ("a_b@example.test", 1),
        ("50%@example.test", 1),
        ("%@example.test", 0),
    ] {
        let found = client
            .find_customers(CustomerBy::Email(email))
            .await
            .unwrap();

        assert_eq!(
            (found.items.len(), found.is_whole),
            (count, true),
            "{email}"
        );
    }
}

#[tokio::test]
async fn nothing_to_look_for_is_refused_before_any_call() {
    let bed = Bed::new(10).await;
    let client = bed.client();
    for by in [
        CustomerBy::Id(""),
        CustomerBy::StableHash(" "),
        CustomerBy::Email(""),
        CustomerBy::PhoneEnding("123456"),
        CustomerBy::PhoneEnding("12345678*"),
    ] {
        let error = client.find_customers(by).await.unwrap_err();

        assert_eq!(
            error.verdict(),
            connectors::Verdict::Misconfigured,
            "{by:?}"
        );
    }
    assert!(client.packages_of("").await.is_err());
    assert_eq!(bed.sim.stats().calls, 0);
}
