//! Walks: whole, in order, whatever moves meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use connectors::Verdict;
use connectors::creatio::Ask;
use connectors::page::Next;
use jiff::Timestamp;
use serde_json::{Value, json};
use sim::creatio::{Change, Guid};

use super::{Bed, contacts, ids_of, records_of, walk};

#[tokio::test]
async fn a_walk_gives_every_record_once_in_the_order_of_their_change() {
    let bed = Bed::new(45).await;

    let pages = walk(&bed.client(), &contacts(), None).await.unwrap();

    let ids = ids_of(&pages);
    assert_eq!(
        ids.iter().cloned().collect::<BTreeSet<_>>(),
        bed.true_ids("Contact")
    );
    assert_eq!((ids.len(), pages.len()), (45, 5));
    assert_eq!(pages.last().unwrap().next, Next::End);
    assert_eq!(pages[0].total, Some(45));
    let times: Vec<_> = records_of(&pages)
        .iter()
        .map(|one| one.modified_at)
        .collect();
    assert!(times.is_sorted());
}

#[tokio::test]
async fn since_is_inclusive_and_nothing_older_comes() {
    let bed = Bed::new(45).await;
    let all = records_of(&walk(&bed.client(), &contacts(), None).await.unwrap());
    let since = all[30].modified_at;
    let expected: Vec<String> = all
        .iter()
        .filter(|one| one.modified_at >= since)
        .map(|one| one.id.to_string())
        .collect();

    let pages = walk(&bed.client(), &contacts(), since).await.unwrap();

    assert_eq!(ids_of(&pages), expected);
    assert!(pages.iter().all(|page| !page.filter_ignored));
    assert_eq!(pages.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn no_change_since_is_an_answer_and_an_empty_set_is_none() {
    let bed = Bed::of_contacts(45).await;
    let later: Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();

    let since = bed
        .client()
        .page(&contacts(), None, Some(later))
        .await
        .unwrap();
    let empty = bed
        .client()
        .page(&Ask::new("Account", ["Name"]), None, None)
        .await
        .unwrap();

    assert_eq!((since.next, since.items.len()), (Next::End, 0));
    assert_eq!((empty.next, empty.items.len()), (Next::Unclear, 0));
}

/// Between any two pages a record is added, one that was read and one that was not are changed.
#[tokio::test]
async fn a_walk_among_changes_misses_nothing_and_sees_the_last_of_each() {
    for page_size in [2, 3, 7, 10] {
        let mut bed = Bed::new(45).await;
        bed.page_size = page_size;
        bed.tie("Contact");
        let client = bed.client();
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        let (mut cursor, mut nth, mut order) = (None, 0, Vec::new());
        let last = loop {
            let page = client
                .page(&contacts(), cursor.as_deref(), None)
                .await
                .unwrap();
            for item in page.items {
                let record = item.decoded.unwrap();
                order.push(record.id.to_string());
                seen.insert(record.id.to_string(), record.fields["Name"].clone());
            }
            nth += 1;
            match page.next {
                Next::More(next) => cursor = Some(next),
                other => break other,
            }
            // A site that changes faster than it is read has no end.
            if nth <= 12 {
                stir(&bed, nth, &seen, &order);
            }
        };

        assert_eq!(last, Next::End, "pages of {page_size}");
        let truth: BTreeMap<String, Value> = bed
            .sim
            .records("Contact")
            .into_iter()
            .map(|one| (one["Id"].as_str().unwrap().to_owned(), one["Name"].clone()))
            .collect();
        assert_eq!(seen, truth, "pages of {page_size}");
        assert!(
            order.len() > truth.len(),
            "nothing moved: the test has no teeth"
        );
    }
}

fn stir(bed: &Bed, nth: i64, seen: &BTreeMap<String, Value>, order: &[String]) {
    let set = |id: &String| {
        let change = json!({"Name": format!("changed {nth}")});
        let change = Change::set("Contact", Guid::parse(id).unwrap(), change);
        bed.sim.change(change).unwrap();
    };
    bed.sim.advance(std::time::Duration::from_millis(5));
    bed.sim
        .change(Change::add(
            "Contact",
            json!({"Name": format!("new {nth}")}),
        ))
        .unwrap();
    set(&order[0]);
    let unread = bed
        .true_ids("Contact")
        .into_iter()
        .find(|id| !seen.contains_key(id));
    if let Some(id) = unread {
        set(&id);
    }
}

#[tokio::test]
async fn a_deletion_on_the_way_leaves_a_walk_unproven() {
    let bed = Bed::of_contacts(45).await;
    let (client, ask) = (bed.client(), Ask::new("Contact", ["Name"]));
    let first = client.page(&ask, None, None).await.unwrap();
    let Next::More(mut cursor) = first.next else {
        panic!("it must go on");
    };
    let read: BTreeSet<String> = first
        .items
        .iter()
        .filter_map(|item| item.id.clone())
        .collect();
    let last = walk(&client, &ask, None).await.unwrap();
    let unread = ids_of(&last)
        .into_iter()
        .rev()
        .find(|id| !read.contains(id))
        .unwrap();
    bed.sim
        .change(Change::delete("Contact", Guid::parse(&unread).unwrap()))
        .unwrap();

    let next = loop {
        match client.page(&ask, Some(&cursor), None).await.unwrap().next {
            Next::More(more) => cursor = more,
            other => break other,
        }
    };

    assert_eq!(next, Next::Unclear);
    let again = walk(&client, &ask, None).await.unwrap();
    assert_eq!(again.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_says_so() {
    let bed = Bed::new(5).await;
    let client = bed.client();
    for (ask, verdict) in [
        (Ask::new("Contact", ["Nmae"]), Verdict::SchemaDrift),
        (Ask::new("Contcat", ["Name"]), Verdict::Misconfigured),
        (
            Ask::new("Contact?$top=1&x", ["Name"]),
            Verdict::Misconfigured,
        ),
        (Ask::new("Contact", ["Name,Email"]), Verdict::Misconfigured),
    ] {
        let error = client.page(&ask, None, None).await.unwrap_err();

        assert_eq!(error.verdict(), verdict, "{ask:?}: {error}");
    }
}
