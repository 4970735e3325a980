use super::*;

fn person(name: &str, phone: &str, email: &str) -> Person {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Person {
        name: some(name),
        phone: some(phone),
        email: some(email),
    }
}

fn known(id: &str, person: Person) -> Known {
    Known {
        id: id.to_owned(),
        person,
        is_taken: false,
        is_refused: false,
    }
}

#[test]
fn r15_a_number_is_the_same_however_it_is_written() {
    let same = [
        "081-234 5678",
        "(081)2345678",
        "+66812345678",
        "+66 (0)81 234 5678",
        "0066812345678",
        "66812345678",
    ];
    for text in same {
        assert_eq!(
            phone(Some(text)),
            Some(("66812345678".into(), true)),
            "{text}"
        );
    }
    assert_eq!(
        phone(Some("812345678")),
        Some(("66812345678".into(), false))
    );
    for other in ["+65 81234567", "+1 812345678", "091 234 5678"] {
        assert_ne!(phone(Some(other)).unwrap().0, "66812345678", "{other}");
    }
    for none in ["", "12345", "n/a", "1234567890123456"] {
        assert_eq!(phone(Some(none)), None, "{none}");
    }
}

#[test]
fn r15_a_name_is_the_same_in_another_case_order_or_with_a_title() {
    for (one, other, expected) in [
        ("Ada Fairway", "FAIRWAY, Ada", Likeness::Same),
        (
            "Mr. Ada Fairway",
            "ada fairway (0812345678)",
            Likeness::Same,
        ),
        ("คุณ สมชาย ใจดี", "สมชาย ใจดี", Likeness::Same),
        ("Ada", "Ada Fairway", Likeness::Alike),
        ("A.", "A. Fairway", Likeness::Other),
        ("Ada Bunker", "Ada Fairway", Likeness::Other),
        ("Mr.", "Ada Fairway", Likeness::Untold),
    ] {
        assert!(
            name_likeness(Some(one), Some(other)) == expected,
            "{one} {other}"
        );
    }
}

#[test]
fn every_row_of_the_table_has_its_percent() {
    let full = person("Ada Fairway", "0812345678", "ada@example.com");
    for (other, expected) in [
        (
            person("Ada Fairway", "+66812345678", "ADA@example.com"),
            100,
        ),
        (person("Bo Bunker", "0812345678", "ada@example.com"), 95),
        (person("Ada Fairway", "0812345678", "other@example.com"), 98),
        (person("Ada", "0812345678", ""), 95),
        (person("", "0812345678", ""), 85),
        (person("Bo Bunker", "0812345678", ""), 50),
        (person("Ada Fairway", "", "ada@example.com"), 95),
        (person("Ada", "", "ada@example.com"), 90),
        (person("", "", "ada@example.com"), 80),
        (person("Bo Bunker", "", "ada@example.com"), 50),
        (person("Ada Fairway", "812345678", ""), 80),
        (person("", "812345678", ""), 40),
        (person("Ada Fairway", "", ""), 30),
        (person("Bo Bunker", "", ""), 0),
        (person("", "", "not an address"), 0),
    ] {
        assert_eq!(
            confidence(&full, &other),
            expected,
            "{:?} {:?}",
            other.name,
            other.phone
        );
        assert_eq!(confidence(&other, &full), expected, "the other way round");
    }
}

#[test]
fn a_match_is_automatic_only_when_one_fits_well_and_no_other_could_be_meant() {
    let profile = person("Ada Fairway", "0812345678", "ada@example.com");
    let good = || known("1", person("Ada Fairway", "081 234 5678", ""));
    let family = || known("2", person("Bo Fairway", "081 234 5678", ""));
    let namesake = || known("3", person("Ada Fairway", "", ""));
    let twin = || known("4", person("Ada Fairway", "", "ada@example.com"));
    let stranger = || known("5", person("Cy Bunker", "", ""));
    let taken = || Known {
        is_taken: true,
        ..good()
    };
    let refused = || Known {
        is_refused: true,
        ..good()
    };
    let table = [
        (vec![], Match::Nobody),
        (vec![stranger()], Match::Nobody),
        (vec![good()], Match::One(0, 98)),
        (vec![stranger(), good()], Match::One(1, 98)),
        (vec![namesake(), good()], Match::One(1, 98)),
        (
            vec![good(), family()],
            Match::Review("several", vec![(0, 98), (1, 50)]),
        ),
        (
            vec![twin(), good()],
            Match::Review("several", vec![(1, 98), (0, 95)]),
        ),
        (vec![family()], Match::Review("weak", vec![(0, 50)])),
        (vec![namesake()], Match::Review("weak", vec![(0, 30)])),
        (vec![taken()], Match::Review("taken", vec![(0, 98)])),
        (vec![refused()], Match::Nobody),
        (vec![refused(), twin()], Match::One(1, 95)),
    ];
    for (customers, expected) in table {
        assert_eq!(judge(&profile, &customers), expected, "{customers:?}");
    }
    assert_eq!(judge(&Person::default(), &[good()]), Match::Nobody);
}

#[test]
fn nobody_is_told_in_a_log() {
    let profile = person("Ada Fairway", "0812345678", "ada@example.com");

    let said = format!("{:?} {:?}", profile, known("1", profile.clone()));

    assert!(!said.contains("Ada") && !said.contains("0812"), "{said}");
}
