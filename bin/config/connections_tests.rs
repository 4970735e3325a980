use engine::Registry;

use super::*;
use crate::config::{Report, parse};

fn read(text: &str) -> (Option<Connections>, Report) {
    let (config, report) = parse("workers.toml", text, &Registry::new());
    (config.map(|config| config.connections), report)
}

#[test]
fn a_file_that_says_nothing_has_the_one_connection_there_always_was() {
    let all = read("").0.expect("a configuration");

    assert_eq!(all.declared.len(), 1);
    assert_eq!(all.declared[0].name, "soundtrack/default");
    let usual = SecretSource::Env("LOCKSTEP_SOUNDTRACK_TOKEN".into());
    assert_eq!(all.declared[0].sources["token"], usual);
    assert_eq!(all.reach, Reach::default());
}

#[test]
fn connections_are_declared_by_name_with_where_their_secrets_are() {
    let all = read(
        "[credentials]\nkey_file = \"/run/keys\"\n\
         [connections]\nallowed_hosts = [\"CRM.example.com\"]\n\
         [connections.\"zoho/10234695\"]\ndata_centre = \"eu\"\nrefresh_token_env = \"SHOP\"\n\
         [connections.\"supabase/shop\"]\nbase_url = \"https://crm.example.com/rest/v1/\"\nkey_file = \"/run/key\"\n\
         [connections.\"creatio/acme\"]\nclient_secret_env = \"CRM\"\n\
         [connections.\"creatio/Own.Site\"]\nbase_url = \"https://crm.example.com/odata/\"\n\
         identity_url = \"https://crm.example.com/is\"\nrefill = 5\n\
         [connections.\"soundtrack/default\"]\npage_size = 20\n",
    );
    let all = all.0.expect("a configuration");

    let names: Vec<&str> = all.declared.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "creatio/Own.Site",
            "creatio/acme",
            "soundtrack/default",
            "supabase/shop",
            "zoho/10234695"
        ]
    );
    let (own, cloud) = (&all.declared[0], &all.declared[1]);
    assert_eq!(
        own.base_url.as_deref(),
        Some("https://crm.example.com/odata")
    );
    assert_eq!(
        own.identity_url.as_deref(),
        Some("https://crm.example.com/is")
    );
    assert_eq!(
        (own.refill, &cloud.base_url, &cloud.identity_url),
        (Some(5.0), &None, &None)
    );
    assert_eq!(
        cloud.sources["client_secret"],
        SecretSource::Env("CRM".into())
    );
    assert_eq!(all.keys, SecretSource::File("/run/keys".into()));
    assert_eq!(all.declared[2].page_size, Some(20));
    assert_eq!(all.declared[2].sources.len(), 1);
    let shop = &all.declared[3];
    assert_eq!(
        shop.base_url.as_deref(),
        Some("https://crm.example.com/rest/v1")
    );
    assert_eq!(shop.sources["key"], SecretSource::File("/run/key".into()));
    assert_eq!(all.declared[4].centre, Some(DataCentre::Eu));
    assert_eq!(
        all.declared[4].sources["refresh_token"],
        SecretSource::Env("SHOP".into())
    );
}

#[test]
fn what_a_credential_must_not_do_is_refused_each_with_its_place() {
    for (text, word) in [
        (
            "[soundtrack]\ntoken_file = \"x\"",
            "it is now `[connections.\"soundtrack/default\"]`, with the same settings",
        ),
        ("[connections.shop]\n", "names no connection"),
        ("[connections.\"zoho/shop\"]\n", "names no connection"),
        ("[connections.\"zoho/1\"]\n", "`data_centre` is missing"),
        (
            "[connections.\"creatio/My_Site\"]\n",
            "`base_url` is missing",
        ),
        (
            "[connections]\nallowed_hosts = [\"x.com\"]\n\
             [connections.\"creatio/a\"]\nbase_url = \"https://x.com/odata\"",
            "`identity_url` is missing",
        ),
        (
            "[connections.\"creatio/a\"]\nidentity_url = \"https://example.com\"",
            "may go to this address",
        ),
        (
            "[connections.\"creatio/a\"]\nclient_secret = \"canary\"",
            "does not belong",
        ),
        (
            "[connections.\"creatio/a\"]\nrefresh_token_env = \"A\"",
            "unknown setting `refresh_token_env`",
        ),
        (
            "[connections.\"zoho/1\"]\ndata_centre = \"moon\"",
            "not a choice",
        ),
        ("[connections.\"supabase/a\"]\n", "`base_url` is missing"),
        (
            "[connections.\"supabase/a\"]\nbase_url = \"https://example.com\"",
            "may go to this address",
        ),
        (
            "[connections.\"supabase/a\"]\nbase_url = \"http://127.0.0.1\"",
            "may go to this address",
        ),
        (
            "[connections.\"soundtrack/default\"]\nbase_url = \"http://api.soundtrackyourbrand.com/v2\"",
            "may go to this address",
        ),
        (
            "[connections.\"soundtrack/default\"]\ntoken = \"canary\"",
            "does not belong",
        ),
        (
            "[connections.\"soundtrack/default\"]\ntoken_env = \"canary\"",
            "name a variable",
        ),
        (
            "[connections.\"soundtrack/default\"]\ntoken_env = \"A\"\ntoken_file = \"b\"",
            "one place only",
        ),
        (
            "[connections.\"soundtrack/default\"]\nkey_env = \"A\"",
            "unknown setting `key_env`",
        ),
        (
            "[connections]\nallowed_hosts = [\"https://x.com\"]",
            "is no host",
        ),
        ("[connections]\nloopback = 1", "expected"),
        ("[credentials]\nkey = \"canary\"", "does not belong"),
    ] {
        let (_, report) = read(text);
        let said = report.render(false);

        assert_eq!(report.errors(), 1, "{text}: {said}");
        assert!(
            said.contains(word) && !said.contains("canary"),
            "{text}: {said}"
        );
    }
}

#[test]
fn this_machine_is_called_only_when_that_is_switched_on() {
    let text = "[connections]\nloopback = true\n[connections.\"supabase/a\"]\nbase_url = \"http://127.0.0.1:5/rest\"";

    let all = read(text).0.expect("a configuration");

    assert_eq!(
        all.declared[1].base_url.as_deref(),
        Some("http://127.0.0.1:5/rest")
    );
}
