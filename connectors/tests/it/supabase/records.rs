//! Customers and packages, field by field.

use connectors::supabase::{Package, stable_hash};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sim::supabase::{Change, Switches};

use super::{Bed, id_of, text, walk};

#[tokio::test]
async fn customers_equal_the_truth_and_so_does_their_hash() {
    let bed = Bed::new(60).await;
    let pages = walk(&bed.client()).await.unwrap();
    let truth = bed.sim.rows("customers");

    for item in pages.iter().flat_map(|page| &page.items) {
        let customer = item.decoded.as_ref().unwrap();
        let row = truth.iter().find(|row| id_of(row) == customer.id).unwrap();
        assert_eq!(
            customer.name.as_deref().unwrap_or(""),
            text(row, "customer_name")
        );
        assert_eq!(
            customer.phone.as_deref().unwrap_or(""),
            text(row, "contact_number")
        );
        assert_eq!(customer.email.as_deref().unwrap_or(""), text(row, "email"));
        let hash = stable_hash(&text(row, "customer_name"), &text(row, "contact_number"));
        assert_eq!(customer.stable_hash.as_deref(), Some(hash.as_str()));
        let updated = text(row, "update_time").parse().unwrap();
        assert_eq!(customer.updated_at, Some(updated));
    }
}

/// A package of ours in the words of the truth.
fn assert_is(package: &Package, raw: &str, row: &Value) {
    let exact = |name: &str| {
        // The numbers' own text: a float would lose its last digits.
        let (_, rest) = raw.split_once(&format!("\"{name}\":")).unwrap();
        let text = rest.split([',', '}']).next().unwrap();
        (text != "null").then(|| Decimal::from_str_exact(text).unwrap())
    };
    assert_eq!(package.id, id_of(row));
    assert_eq!(
        package.crm_package_id.as_deref().unwrap_or(""),
        text(row, "crm_package_id")
    );
    assert_eq!(package.total_hours, exact("package_total_hours_from_def"));
    assert_eq!(package.used_hours, exact("calculated_used_hours"));
    assert_eq!(package.remaining_hours, exact("calculated_remaining_hours"));
    assert_eq!(
        package.pax.map(u64::from),
        row["package_pax_from_def"].as_u64()
    );
    assert_eq!(
        package.category.as_deref().unwrap(),
        text(row, "package_type_from_def")
    );
    let date =
        |on: Option<jiff::civil::Date>| on.map(|on| json!(on.to_string())).unwrap_or_default();
    assert_eq!(date(package.expires_on), row["expiration_date"]);
    assert_eq!(date(package.first_used_on), row["first_use_date"]);
}

#[tokio::test]
async fn packages_equal_the_truth_in_every_field() {
    for flag in [true, false] {
        let bed = Bed::with(
            60,
            Switches {
                crm_package_ids: flag,
                purchases_are_dates: flag,
                ..Switches::default()
            },
        )
        .await;
        let client = bed.client();
        let mut seen = 0;
        for customer in bed.sim.rows("customers") {
            let hash = text(&customer, "stable_hash_id");
            let found = client.packages_of(&hash).await.unwrap();

            for item in &found.items {
                let package = item.decoded.as_ref().unwrap();
                let rows = bed.sim.packages_of(&hash);
                let row = rows.iter().find(|row| id_of(row) == package.id).unwrap();
                assert_is(package, item.raw.get(), row);
                let day: i8 = text(row, "created_at_for_purchase_date")[8..10]
                    .parse()
                    .unwrap();
                let bought = package.purchased_on.unwrap();
                // 20:15 in UTC is the next day at the shop.
                let expected = if flag { day } else { day + 1 };
                assert_eq!(bought.day(), expected);
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen} packages were looked at");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_spoils_no_other() {
    let bed = Bed::new(5).await;
    for (id, hours) in [(9_001, "7.5"), (9_002, "1e99"), (9_003, "0.00")] {
        let row = json!({
            "id": id, "stable_hash_id": "odd", "calculated_remaining_hours": hours,
            "expiration_date": "2026-05-01",
        });
        let table = "package_rows".to_owned();
        bed.sim.change(Change::AddRow { table, row }).unwrap();
    }

    let found = bed.client().packages_of("odd").await.unwrap();

    let hours: Vec<_> = found
        .items
        .iter()
        .map(|item| {
            item.decoded
                .as_ref()
                .map(|package| package.remaining_hours)
                .map_err(|error| error.field.clone())
        })
        .collect();
    assert_eq!(hours[0], Ok(Some(Decimal::new(75, 1))));
    assert_eq!(hours[1], Err("calculated_remaining_hours".to_owned()));
    assert_eq!(hours[2], Ok(Some(Decimal::ZERO)));
    assert_eq!(found.items[1].id.as_deref(), Some("9002"));
}

#[tokio::test]
async fn the_probe_tells_what_the_key_sees_and_may_call() {
    let mut bed = Bed::new(12).await;

    let probe = bed.client().test_connection().await.unwrap();

    assert_eq!(probe.customers_visible, Some(12));
    assert!(probe.customer.unwrap().decoded.is_ok());
    assert!(probe.packages_callable);
    assert!(probe.server_clock_offset.unwrap().abs().as_secs() <= 2);
    assert_eq!(u64::from(probe.calls), bed.sim.stats().calls);

    bed.key = bed.sim.config().anon_key.clone();
    let blind = bed.client().test_connection().await.unwrap();
    assert_eq!(blind.customers_visible, Some(0));
    assert!(blind.customer.is_none());

    let mut switches = bed.sim.switches();
    switches
        .not_in_schema_cache
        .insert("get_packages_by_hash_id".to_owned());
    bed.sim.set_switches(switches);
    assert!(
        !bed.client()
            .test_connection()
            .await
            .unwrap()
            .packages_callable
    );
}
