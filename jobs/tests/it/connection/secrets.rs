//! Secrets given and told of.

use jobs::Error;
use jobs::connection::credential;
use secrecy::SecretString;

use super::{House, NEW, OLD, ZOHO};

const CANARY: &str = "1000.canary.c0ffee.decaf.00";

#[tokio::test]
async fn a_secret_is_stored_sealed_and_told_by_its_ends() {
    let house = House::new().await;
    let all = house.connections(&[OLD]);

    house.set(&all, "refresh_token", CANARY).await.unwrap();
    house
        .set(&all, "client_secret", "short-canary")
        .await
        .unwrap();

    let told = credential::status(&all, Some(ZOHO)).await.unwrap();
    let shown: Vec<_> = told
        .iter()
        .map(|one| (one.field.as_str(), one.shown.as_deref()))
        .collect();
    let expected = [
        ("client_id", None),
        ("client_secret", Some("(hidden)")),
        ("refresh_token", Some("1000…00")),
    ];
    assert_eq!(shown, expected);
    assert_eq!(told[2].key.as_deref(), Some("old"));
    assert_eq!(told[2].set_by.as_deref(), Some("nok"));
    let dump: String = sqlx::query_scalar(
        "select string_agg(encode(wrapped_key, 'escape') || encode(value, 'escape') || s::text, ' ') from sync.secret s",
    )
    .fetch_one(house.database.pool())
    .await
    .unwrap();
    assert!(dump.len() > 100 && !dump.contains("canary"), "{dump}");
    assert!(!format!("{told:?} {all:?}").contains("canary"));
}

#[tokio::test]
async fn a_row_copied_over_another_does_not_open_and_is_not_overwritten() {
    let house = House::new().await;
    let all = house.connections(&[OLD]);
    for field in ["refresh_token", "client_secret"] {
        house.set(&all, field, CANARY).await.unwrap();
    }

    house
        .sql(
            "update sync.secret a set value = b.value, wrapped_key = b.wrapped_key from sync.secret b \
             where a.field = 'refresh_token' and b.field = 'client_secret'",
        )
        .await;

    let told = credential::status(&all, Some(ZOHO)).await.unwrap();
    assert!(told[2].shown.is_none());
    let problem = told[2].problem.as_deref().unwrap();
    assert!(problem.contains("changed or copied"), "{problem}");
    let again = house.set(&all, "refresh_token", CANARY).await;
    assert!(matches!(again, Err(Error::Unsealable { .. })), "{again:?}");
    let asked = all.zoho(ZOHO).await;
    assert!(asked.is_err());
    assert_eq!(house.mints(), 0);
}

#[tokio::test]
async fn without_the_right_key_nothing_is_written_and_the_error_names_it() {
    let house = House::new().await;
    house
        .set(&house.connections(&[OLD]), "refresh_token", CANARY)
        .await
        .unwrap();
    let before = house.secrets().await;
    let forged = OLD.replace("0102", "ffff");

    let none = house
        .set(&house.connections(&[]), "refresh_token", "x")
        .await;
    let other = house
        .set(&house.connections(&[NEW]), "refresh_token", "x")
        .await;
    let same_name = house
        .set(&house.connections(&[&forged]), "client_id", "x")
        .await;

    assert!(matches!(none, Err(Error::NoKey)), "{none:?}");
    let named = other.unwrap_err();
    assert!(
        matches!(&named, Error::KeyMissing { key, .. } if key == "old"),
        "{named}"
    );
    assert!(
        matches!(same_name, Err(Error::KeyWrong { .. })),
        "{same_name:?}"
    );
    assert_eq!(house.secrets().await, before);
}

#[tokio::test]
async fn what_cannot_be_a_secret_of_this_connection_is_refused() {
    let house = House::new().await;
    let all = house.connections(&[OLD]);

    for (field, value, word) in [
        ("password", "x", "field"),
        ("access_token", "x", "field"),
        ("client_id", "", "value"),
        ("client_id", "two words", "value"),
        ("client_id", "line\n", "value"),
    ] {
        let error = house.set(&all, field, value).await.unwrap_err();

        assert!(
            matches!(&error, Error::Invalid(text) if text.starts_with(word)),
            "{error}"
        );
    }
    let mut tx = house.database.pool().begin().await.unwrap();
    let secret = SecretString::from(CANARY);
    let unknown = credential::set(&all, &mut tx, ("zoho/1", "client_id"), &secret, "nok").await;
    assert!(
        matches!(unknown, Err(Error::UnknownConnection(_))),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_new_secret_is_used_by_the_next_who_asks_for_a_client() {
    let house = House::new().await;
    let all = house.authorised().await;
    let good = house.zoho.config().refresh_token.clone();
    house
        .set(&all, "refresh_token", "1000.of-somebody-else")
        .await
        .unwrap();
    let before = all.zoho(ZOHO).await.unwrap();
    let same = all.zoho(ZOHO).await.unwrap();

    house.set(&all, "refresh_token", &good).await.unwrap();

    let after = all.zoho(ZOHO).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &same) && !std::sync::Arc::ptr_eq(&before, &after));
    after.items_page(None, None).await.unwrap();
    assert_eq!(house.mints(), 1);
}

impl House {
    /// All there is of secrets, byte for byte.
    pub(crate) async fn secrets(&self) -> Vec<(String, i64, String, Vec<u8>, Vec<u8>)> {
        sqlx::query_as(
            "select field, version, key_id, wrapped_key, value from sync.secret order by connection, field",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap()
    }
}
