//! Records and listings that are good as JSON, and not what the contract says.

use connectors::Error;
use serde_json::{Value, json};
use sim::wire::{Fault, Kind};

use super::{Remote, Seen, Walk, path};

/// What a vendor's field may hold one day.
fn odd_values() -> Vec<Option<Value>> {
    let odd = "\u{0}\u{202e}\u{fffd}💥 e\u{301}\u{200b}";
    let values = [
        json!(null),
        json!(-1),
        json!(1.5e308),
        json!(u64::MAX),
        json!("9".repeat(400)),
        json!("9999-12-31T23:59:59+00:00"),
        json!("an unknown word"),
        json!(odd),
        json!("x".repeat(100_000)),
        json!(true),
        json!([]),
        json!({"a": [{}]}),
    ];
    values.into_iter().map(Some).chain([None]).collect()
}

/// One odd record is read or told as bad, alone: its page and the others are as ever, and it keeps its id.
pub(super) async fn an_odd_record_spoils_no_other<R: Remote>() {
    let remote = R::start().await;
    // Rewritten too, and so with its numbers in the same words.
    let first = altered_page(&remote, "/nowhere/none", None).await.unwrap();
    for &pointer in R::FIELDS {
        for value in odd_values() {
            let shown = format!("{}: {pointer} {value:.60?}", R::NAME);
            let page = altered_page(&remote, pointer, value).await;

            let page = page.unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(page.ids, first.ids, "{shown}");
            assert_eq!(page.records.len(), first.records.len(), "{shown}");
            let others = page.records.iter().zip(&first.records).enumerate();
            let changed: Vec<usize> = others
                .filter(|(_, (now, before))| now != before)
                .map(|(at, _)| at)
                .collect();
            assert!(changed.iter().all(|at| *at == ODD), "{shown}: {changed:?}");
        }
    }
}

/// Which record of the first page is altered.
const ODD: usize = 1;

async fn altered_page<R: Remote>(
    remote: &R,
    pointer: &str,
    value: Option<Value>,
) -> Result<Seen, Error> {
    let (at, pointer) = (ODD, pointer.to_owned());
    let kind = Kind::AlteredRecord { at, pointer, value };
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
    for value in [None, Some(json!(null)), Some(json!("")), Some(json!([7]))] {
        let shown = format!("{}: id {value:?}", R::NAME);
        let page = altered_page(&remote, R::ID, value).await;

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
