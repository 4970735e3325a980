//! What opens, and what must not.

use super::*;

const OLD: &str = "old:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NEW: &str = "new:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef";
const PLACE: Place<'static> = Place {
    connection: "zoho/10234695",
    field: "refresh_token",
    version: 3,
};

fn ring(lines: &[&str]) -> Keyring {
    Keyring::parse(&lines.join("\n")).unwrap()
}

fn secret() -> SecretString {
    SecretString::from("1000.canary.of.a.refresh.token")
}

#[test]
fn what_was_sealed_opens_where_it_lies_and_shows_nothing() {
    let ring = ring(&[OLD]);

    let sealed = ring.seal(PLACE, &secret());

    let opened = ring.open(PLACE, &sealed).unwrap();
    assert_eq!(opened.expose_secret(), secret().expose_secret());
    let stored = [sealed.wrapped_key.as_slice(), &sealed.value].concat();
    assert!(!String::from_utf8_lossy(&stored).contains("canary"));
    assert!(!format!("{sealed:?} {ring:?}").contains("canary"));
    assert!(!format!("{ring:?}").contains("0001"));
}

#[test]
fn a_row_that_was_copied_elsewhere_does_not_open() {
    let ring = ring(&[OLD]);
    let sealed = ring.seal(PLACE, &secret());
    let places = [
        Place {
            connection: "zoho/10234696",
            ..PLACE
        },
        Place {
            field: "client_secret",
            ..PLACE
        },
        Place {
            version: 4,
            ..PLACE
        },
        // The same letters, parted otherwise.
        Place {
            connection: "zoho/10234695r",
            field: "efresh_token",
            version: 3,
        },
    ];
    for place in places {
        assert_eq!(
            ring.open(place, &sealed).unwrap_err(),
            Shut::Broken,
            "{place:?}"
        );
    }
}

#[test]
fn any_changed_bit_keeps_it_shut() {
    let ring = ring(&[OLD]);
    let sealed = ring.seal(PLACE, &secret());
    for nth in 0..sealed.value.len() * 8 {
        let mut changed = sealed.clone();
        changed.value[nth / 8] ^= 1 << (nth % 8);
        assert_eq!(
            ring.open(PLACE, &changed).unwrap_err(),
            Shut::Broken,
            "bit {nth}"
        );
    }
    for nth in 0..sealed.wrapped_key.len() * 8 {
        let mut changed = sealed.clone();
        changed.wrapped_key[nth / 8] ^= 1 << (nth % 8);
        assert_eq!(
            ring.open(PLACE, &changed).unwrap_err(),
            Shut::Broken,
            "bit {nth}"
        );
    }
    for short in 0..sealed.value.len() {
        let mut changed = sealed.clone();
        changed.value.truncate(short);
        assert!(ring.open(PLACE, &changed).is_err());
    }
}

#[test]
fn a_key_that_is_missing_is_told_from_one_that_is_another() {
    let sealed = ring(&[OLD]).seal(PLACE, &secret());
    let other = OLD.replace("00", "ff");

    assert_eq!(ring(&[NEW]).open(PLACE, &sealed).unwrap_err(), Shut::NoKey);
    assert_eq!(
        ring(&[&other]).open(PLACE, &sealed).unwrap_err(),
        Shut::Broken
    );
    let proof = ring(&[OLD]).proof();
    assert_eq!(ring(&[NEW, OLD]).proves("old", &proof), Ok(()));
    assert_eq!(ring(&[&other]).proves("old", &proof), Err(Shut::Broken));
    assert_eq!(ring(&[NEW]).proves("old", &proof), Err(Shut::NoKey));
}

#[test]
fn a_rewrapped_value_opens_by_the_new_key_alone() {
    let sealed = ring(&[OLD]).seal(PLACE, &secret());

    let rewrapped = ring(&[NEW, OLD]).rewrap(PLACE, &sealed).unwrap();

    assert_eq!(rewrapped.key_id, "new");
    let opened = ring(&[NEW]).open(PLACE, &rewrapped).unwrap();
    assert_eq!(opened.expose_secret(), secret().expose_secret());
    assert!(ring(&[OLD]).open(PLACE, &rewrapped).is_err());
    let elsewhere = Place {
        version: 9,
        ..PLACE
    };
    assert_eq!(
        ring(&[NEW, OLD]).rewrap(elsewhere, &sealed).unwrap_err(),
        Shut::Broken
    );
}

#[test]
fn two_seals_of_one_value_have_nothing_in_common() {
    let ring = ring(&[OLD]);
    let (one, two) = (ring.seal(PLACE, &secret()), ring.seal(PLACE, &secret()));

    assert_ne!(one.value[..NONCE], two.value[..NONCE]);
    assert_ne!(one.value[NONCE..], two.value[NONCE..]);
    assert_ne!(one.wrapped_key, two.wrapped_key);
}

#[test]
fn keys_are_read_from_lines_and_a_bad_one_is_named_without_being_shown() {
    let both = format!("# ours\n\n{NEW}\n  {OLD}  \n");
    assert_eq!(Keyring::parse(&both).unwrap().ids(), ["new", "old"]);
    let in_a_variable = format!("{NEW},{OLD}");
    assert_eq!(Keyring::parse(&in_a_variable).unwrap().current(), "new");
    let line = Keyring::new_line("2026-11");
    assert_eq!(
        Keyring::parse(line.expose_secret()).unwrap().current(),
        "2026-11"
    );
    for bad in [
        "",
        "# nothing",
        "c0ffee",
        "old:c0ffee",
        "two words:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "old:zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "old:+0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0",
        &format!("{OLD}\n{OLD}"),
    ] {
        let error = Keyring::parse(bad).unwrap_err();

        assert!(
            !error.contains("0203") && !error.contains("c0ffee"),
            "{error}"
        );
    }
}

#[test]
fn a_secret_is_shown_by_its_ends_and_a_short_one_not_at_all() {
    let shown = |text: &str| super::shown(&SecretString::from(text));

    assert_eq!(shown("1000.c0ffee.decaf.00"), "1000…00");
    assert_eq!(shown("1000.c0ffee.decaf.0"), "(hidden)");
    assert_eq!(shown(""), "(hidden)");
    assert_eq!(shown("1000.c0ffee.decaf.00\u{1b}"), "(hidden)");
}
