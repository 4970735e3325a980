//! Each thing that the contract leaves open, both ways.

use connectors::Verdict;
use connectors::page::Next;
use sim::zoho::{Change, MissingItem, Switches, WrongOrganization};

use super::{Bed, items_of, walk};

async fn assert_whole(switches: Switches) -> Bed {
    let bed = Bed::with(90, switches.clone()).await;

    let pages = walk(&bed.client()).await.unwrap();

    let ours: Vec<String> = items_of(&pages).into_iter().map(|item| item.id).collect();
    let truth: Vec<String> = bed
        .sim
        .items()
        .iter()
        .map(|item| item.id.to_string())
        .collect();
    assert_eq!(ours, truth, "{switches:?}");
    assert_eq!(pages.last().unwrap().next, Next::End, "{switches:?}");
    bed
}

#[tokio::test]
async fn a_walk_is_whole_however_the_vendor_writes_it() {
    for flag in [true, false] {
        for switches in [
            Switches {
                numeric_ids: flag,
                ..Switches::default()
            },
            Switches {
                page_context: flag,
                ..Switches::default()
            },
            Switches {
                stock_in_lists: flag,
                ..Switches::default()
            },
            Switches {
                dates_alone: flag,
                ..Switches::default()
            },
            Switches {
                accepts_bearer: flag,
                ..Switches::default()
            },
            Switches {
                token_names_scope: flag,
                ..Switches::default()
            },
            Switches {
                stock_moves_last_modified: flag,
                ..Switches::default()
            },
            Switches {
                asking_prolongs: flag,
                ..Switches::default()
            },
            Switches {
                errors_in_200: flag,
                ..Switches::default()
            },
        ] {
            assert_whole(switches).await;
        }
    }
    for active_access_tokens in [10, 30] {
        assert_whole(Switches {
            active_access_tokens,
            ..Switches::default()
        })
        .await;
    }
}

#[tokio::test]
async fn a_list_without_stock_says_nothing_of_stock_and_the_single_item_does() {
    let bed = assert_whole(Switches {
        stock_in_lists: false,
        ..Switches::default()
    })
    .await;
    let client = bed.client();

    let listed = items_of(&walk(&client).await.unwrap());
    let single = client.item(&listed[0].id).await.unwrap().decoded.unwrap();

    assert!(listed.iter().all(|item| item.stock.is_none()));
    assert!(single.stock.is_some());
}

#[tokio::test]
async fn ties_that_are_not_stable_never_end_in_a_listing_that_is_called_whole() {
    let bed = Bed::with(
        200,
        Switches {
            stable_ties: false,
            ..Switches::default()
        },
    )
    .await;
    let client = bed.client();

    for _ in 0..5 {
        let pages = walk(&client).await.unwrap();

        let mut ids: Vec<String> = items_of(&pages).into_iter().map(|item| item.id).collect();
        ids.sort();
        ids.dedup();
        let is_whole = ids.len() == 200;
        assert!(
            is_whole || pages.last().unwrap().next == Next::Unclear,
            "{} of 200",
            ids.len()
        );
    }
}

#[tokio::test]
async fn a_smaller_cap_of_the_page_is_a_wrong_setting_and_never_a_short_list() {
    for (page_context, expected) in [(true, Some(Verdict::Misconfigured)), (false, None)] {
        let mut bed = Bed::with(
            450,
            Switches {
                max_per_page: 100,
                page_context,
                ..Switches::default()
            },
        )
        .await;
        bed.page_size = 200;

        let walked = walk(&bed.client()).await;

        match expected {
            Some(verdict) => assert_eq!(walked.unwrap_err().verdict(), verdict),
            None => assert_eq!(walked.unwrap().last().unwrap().next, Next::Unclear),
        }
        bed.page_size = 100;
        assert_eq!(items_of(&walk(&bed.client()).await.unwrap()).len(), 450);
    }
}

#[tokio::test]
async fn an_item_that_is_not_there_is_gone_only_if_the_vendor_says_so() {
    for (missing_item, errors_in_200, expected) in [
        (MissingItem::Http404Code1002, false, "gone"),
        (MissingItem::Http400Code1002, false, "gone"),
        (MissingItem::Http400Code1002, true, "gone"),
        (MissingItem::Http400Code2006, false, "rejected"),
        (MissingItem::Http400Code2006, true, "rejected"),
    ] {
        let bed = Bed::with(
            5,
            Switches {
                missing_item,
                errors_in_200,
                ..Switches::default()
            },
        )
        .await;
        let id = bed.sim.items()[2].id;
        bed.sim.change(Change::DeleteItem { id }).unwrap();

        let verdict = bed
            .client()
            .item(&id.to_string())
            .await
            .unwrap_err()
            .verdict();

        let expected = match expected {
            "gone" => Verdict::Gone,
            _ => Verdict::Rejected {
                record: Some(id.to_string()),
            },
        };
        assert_eq!(
            verdict, expected,
            "{missing_item:?} in 200: {errors_in_200}"
        );
    }
}

#[tokio::test]
async fn a_dead_token_and_a_wrong_organization_are_known_by_either_code() {
    for unauthorized_code in [57, 14] {
        let bed = assert_whole(Switches {
            unauthorized_code,
            ..Switches::default()
        })
        .await;
        let client = bed.client();
        client.items_page(None, None).await.unwrap();
        bed.sim.expire_access_tokens();

        assert!(client.items_page(None, None).await.is_ok());
    }
    for wrong_organization in [WrongOrganization::Code4029, WrongOrganization::Code6041] {
        for errors_in_200 in [true, false] {
            let bed = Bed::with(
                5,
                Switches {
                    wrong_organization,
                    errors_in_200,
                    ..Switches::default()
                },
            )
            .await;
            let config = connectors::zoho::Config {
                api_domain: bed.sim.api_domain(),
                ..connectors::zoho::Config::new(connectors::zoho::DataCentre::Us, "999")
            };
            let http = connectors::http::Http::new(bed.http.clone()).unwrap();
            let budget = connectors::budget::Window::new(9, super::MINUTE);
            let client = connectors::zoho::Client::new(config, http, bed.keeper(), budget).unwrap();

            let error = client.items_page(None, None).await.unwrap_err();

            assert_eq!(error.verdict(), Verdict::Misconfigured);
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none_says_of_no_item_that_it_is_gone() {
    let bed = Bed::new(5).await;
    let client = bed.client();
    let id = bed.sim.items()[0].id.to_string();
    client.item(&id).await.unwrap();

    for (code, verdict) in [
        (5, connectors::Verdict::Misconfigured),
        (9_999, connectors::Verdict::Misconfigured),
        (1_002, connectors::Verdict::Gone),
        (2_006, connectors::Verdict::Gone),
    ] {
        let body = serde_json::json!({"code": code, "message": "Invalid URL Passed"});
        let fault = sim::wire::Fault::json(404, body);
        bed.sim.inject(fault.on_path("/items").times(1));

        let error = client.item(&id).await.unwrap_err();

        assert_eq!(error.verdict(), verdict, "code {code}");
    }
}
