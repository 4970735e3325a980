//! Records and listings that are good as JSON, and not what the contract says.

use connectors::Error;
use serde_json::{Value, json};
use sim::wire::{Fault, Kind};

use Odd::{
    Absent, DigitsWithoutEnd, Empty, Flag, HalfCharacter, Huge, LastOfTimes, Letters, List, Long,
    Negative, Null, NumberAsText, Object, UnknownWord, Widest,
};

use super::{Remote, Seen, Walk, path};

/// What the sheets say of a field, as far as it decides which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A text that must be there; also a word of a list that may grow, which is kept as it came.
    Text,
    /// A text, null or nothing.
    MaybeText,
    Flag,
    /// An exact decimal, as a number or as a text of its digits; null, blank or nothing.
    Number,
    /// The same, but it must be there.
    Price,
    /// An instant with its offset; null, blank or nothing.
    Instant,
    /// Of the values below, null alone.
    OnlyNull,
    /// An object that must be there.
    Nothing,
    /// Of no type that this crate knows: whatever is there, if it is.
    Any,
}

/// What a vendor's field may hold one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    Absent,
    Null,
    Empty,
    Negative,
    Widest,
    Huge,
    NumberAsText,
    DigitsWithoutEnd,
    /// Later than any instant that we can hold.
    LastOfTimes,
    UnknownWord,
    /// NUL, a turn of the direction, an accent apart from its letter.
    Letters,
    Long,
    Flag,
    List,
    Object,
    /// The first of a surrogate pair alone.
    HalfCharacter,
}

const ALL: [Odd; 16] = [
    Absent,
    Null,
    Empty,
    Negative,
    Widest,
    Huge,
    NumberAsText,
    DigitsWithoutEnd,
    LastOfTimes,
    UnknownWord,
    Letters,
    Long,
    Flag,
    List,
    Object,
    HalfCharacter,
];

impl Odd {
    fn value(self) -> Option<Value> {
        Some(match self {
            Absent | HalfCharacter => return None,
            Null => json!(null),
            Empty => json!(""),
            Negative => json!(-1),
            Widest => json!(u64::MAX),
            Huge => json!(1.5e308),
            NumberAsText => json!("12.50"),
            DigitsWithoutEnd => json!("9".repeat(400)),
            LastOfTimes => json!("9999-12-31T23:59:59+00:00"),
            UnknownWord => json!("an unknown word"),
            Letters => json!("\u{0}\u{202e}\u{fffd}💥 e\u{301}\u{200b}"),
            Long => json!("x".repeat(100_000)),
            Flag => json!(true),
            List => json!([]),
            Object => json!({"a": [{}]}),
        })
    }

    /// What the record must then say, where that is one word for all.
    fn told(self) -> Option<&'static str> {
        match self {
            UnknownWord => Some("an unknown word"),
            NumberAsText => Some("12.50"),
            Widest => Some("18446744073709551615"),
            _ => None,
        }
    }
}

/// Whether a record with this in that field can be read: all others are told as bad, by the field's name.
fn is_good(field: Field, odd: Odd) -> bool {
    let is_text = matches!(
        odd,
        Empty | NumberAsText | DigitsWithoutEnd | LastOfTimes | UnknownWord | Letters | Long
    );
    let is_none = matches!(odd, Absent | Null);
    // Money with more digits than a decimal holds is refused rather than rounded.
    let is_number = matches!(odd, Negative | Widest | NumberAsText);
    match field {
        Field::Text => is_text,
        Field::MaybeText => is_text || is_none,
        Field::Flag => odd == Flag,
        Field::Number => is_number || is_none || odd == Empty,
        Field::Price => is_number || matches!(odd, Null | Empty),
        Field::Instant => is_none || odd == Empty,
        Field::OnlyNull => odd == Null,
        Field::Nothing => false,
        Field::Any => !matches!(odd, Absent | HalfCharacter),
    }
}

/// One odd record is read or told as bad, alone: its page and the others are as ever, and it keeps its id.
pub(super) async fn each_odd_value_of_each_field<R: Remote>() {
    let remote = R::start().await;
    // Rewritten too, and so with its numbers in the same words.
    let first = altered_page(&remote, "/nowhere/none", Null).await.unwrap();
    for &(pointer, field) in R::FIELDS {
        for odd in ALL {
            let shown = format!("{}: {odd:?} in {pointer}", R::NAME);
            let page = altered_page(&remote, pointer, odd).await;

            let page = page.unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(page.ids, first.ids, "{shown}");
            assert_eq!(page.records.len(), first.records.len(), "{shown}");
            let others = page.records.iter().zip(&first.records).enumerate();
            let changed: Vec<usize> = others
                .filter(|(_, (now, before))| now != before)
                .map(|(at, _)| at)
                .collect();
            assert!(changed.iter().all(|at| *at == ODD), "{shown}: {changed:?}");
            is_as_expected(&page.records[ODD], (pointer, field), odd, &shown);
        }
    }
}

fn is_as_expected(record: &str, (pointer, field): (&str, Field), odd: Odd, shown: &str) {
    let is_bad = record.starts_with("RecordError");
    assert_eq!(!is_bad, is_good(field, odd), "{shown}: {record:.300}");
    // What a client does not show of a record cannot be looked at.
    let is_shown = !matches!(field, Field::Instant);
    if let Some(told) = odd.told().filter(|_| !is_bad && is_shown) {
        assert!(record.contains(told), "{shown}: {record:.300}");
    }
    // Some read a record as a whole, and cannot say which of its texts is broken.
    let name = pointer.rsplit('/').next().unwrap_or_default();
    if is_bad && odd != HalfCharacter {
        assert!(record.contains(name), "{shown}: {record:.300}");
    }
}

/// Which record of the first page is altered.
const ODD: usize = 1;

async fn altered_page<R: Remote>(remote: &R, pointer: &str, odd: Odd) -> Result<Seen, Error> {
    let (at, pointer) = (ODD, pointer.to_owned());
    let kind = match odd {
        HalfCharacter => Kind::HalfCharacter { at, pointer },
        _ => {
            let value = odd.value();
            Kind::AlteredRecord { at, pointer, value }
        }
    };
    remote.inject(Fault::new(kind).on_path(path::<R>()));
    let page = remote.page(&remote.client(), None).await;
    remote.clear();
    page
}

/// A record whose id is none is told as bad; the others are read, and the walk claims nothing, or that it has them all
/// but one.
pub(super) async fn a_record_without_an_id_is_told_and_no_other_is_lost<R: Remote>() {
    let remote = R::start().await;
    let first = remote.page(&remote.client(), None).await.unwrap();
    for odd in [Absent, Null, Empty, List, HalfCharacter] {
        let shown = format!("{}: id {odd:?}", R::NAME);
        let page = altered_page(&remote, R::ID, odd).await;

        let page = page.unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut others = first.ids.clone();
        others.remove(ODD);
        assert_eq!(page.ids, others, "{shown}");
        assert_eq!(page.records.len(), first.records.len(), "{shown}");
        assert!(page.records[ODD].starts_with("RecordError"), "{shown}");
    }
}

/// A listing without records has no error, no record, and its end only where the remote's word proves it.
pub(super) async fn an_empty_listing_is_no_error<R: Remote>() {
    let Some(is_proof) = R::EMPTY_IS_PROOF else {
        return;
    };
    let remote = R::start_with(0).await;
    let mut walk = Walk::default();

    let proven = walk.go(&remote, &remote.client()).await.unwrap();

    assert!(walk.ids.is_empty(), "{}", R::NAME);
    assert_eq!(walk.calls, 1, "{}", R::NAME);
    assert_eq!(proven, is_proof, "{}", R::NAME);
}
