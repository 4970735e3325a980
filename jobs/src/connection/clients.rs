//! From a declared connection and its secrets to a client, with the budget that all processes share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use connectors::budget::{BucketConfig, Window};
use connectors::http::{Http, HttpConfig};
use connectors::reach::Service;
use connectors::{Refusal, Token, creatio, soundtrack, supabase, zoho};
use secrecy::{ExposeSecret, SecretString};

use super::keeper::Keeper;
use super::{Connections, Declared, Remote, credential, fields_of, park};
use crate::{Error, FleetBudget};

/// A token endpoint that does not answer by then is asked again by another.
const MINT: Duration = Duration::from_secs(10);
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Half of what Zoho allows a minute at once and half over the minute: never more than all of it.
const ZOHO: BucketConfig = BucketConfig {
    capacity: zoho::CALLS_A_MINUTE / 2,
    refill_per_s: zoho::CALLS_A_MINUTE as f64 / 120.0,
    refill_ceiling_per_s: zoho::CALLS_A_MINUTE as f64 / 120.0,
};
/// Of the smallest plan (sheet section 4): larger ones are for people to say.
const CALLS_A_DAY: u32 = 1_000;
/// Supabase and Creatio tell no limit, in calls a second. This spares a small project's or site's database.
const UNTOLD: f64 = 20.0;
/// A site describes itself in tens of megabytes, and its processes run on each of a hundred saves of a batch
/// (sheet section 2 and trap 4).
const CREATIO: HttpConfig = HttpConfig {
    connect_timeout: Duration::from_secs(5),
    request_timeout: Duration::from_secs(120),
    max_reply_bytes: 64 * 1024 * 1024,
    allowed_hosts: Vec::new(),
    plain_hosts: Vec::new(),
};
/// The identity service is small (sheet trap 5); the row counts for all processes, and this is a net below it.
const MINTS_IN_TEN_MINUTES: u32 = 10;

/// `generation` is that of the secrets in the database.
pub(super) async fn build(
    all: &Connections,
    declared: &Declared,
    generation: i64,
) -> Result<Remote, Error> {
    let secrets = credential::open_all(all, declared).await?;
    for rule in fields_of(declared.service) {
        if !secrets.contains_key(rule.name) {
            return Err(Error::NoSecret {
                connection: declared.name.clone(),
                field: rule.name.to_owned(),
                origin: declared
                    .given
                    .get(rule.name)
                    .map(|given| given.origin.clone()),
            });
        }
    }
    let secret = |field: &str| -> &SecretString { &secrets[field] };
    let refusal = park::of_static(all.engine()?, &declared.name, generation);
    Ok(match declared.service {
        Service::Creatio => {
            Remote::Creatio(Arc::new(of_creatio(all, declared, (&secrets, generation))?))
        }
        Service::Soundtrack => Remote::Soundtrack(Arc::new(of_soundtrack(
            all,
            declared,
            (secret("token"), refusal),
        )?)),
        Service::Supabase => Remote::Supabase(Arc::new(of_supabase(
            all,
            declared,
            (secret("key"), refusal),
        )?)),
        Service::Zoho => Remote::Zoho(Arc::new(of_zoho(all, declared, (&secrets, generation))?)),
    })
}

fn of_creatio(
    all: &Connections,
    declared: &Declared,
    (secrets, generation): (&HashMap<&'static str, SecretString>, i64),
) -> Result<creatio::Client, Error> {
    let identity_url = declared.identity_url.clone();
    let identity_url = identity_url.or_else(|| creatio::identity_url(&declared.base_url));
    let identity_url = identity_url.ok_or_else(|| {
        let why = "identity_url: say where its access tokens come from";
        Error::Invalid(format!("{}: {why}", declared.name))
    })?;
    let minting = HttpConfig {
        request_timeout: MINT,
        ..HttpConfig::default()
    };
    let minting = http(all, declared, &[&identity_url], minting)?;
    let grant = creatio::Grant {
        client_id: secrets["client_id"].clone(),
        client_secret: secrets["client_secret"].clone(),
    };
    let window = Window::new(MINTS_IN_TEN_MINUTES, TEN_MINUTES);
    let identity = creatio::Identity::new(&identity_url, grant, minting, window)?;
    let keeper = Keeper::new(all, declared, identity, generation)?;
    let mut config = creatio::Config::new(&declared.base_url);
    config.page_size = declared.page_size.unwrap_or(config.page_size);
    let http = http(all, declared, &[&declared.base_url], CREATIO)?;
    let budget = FleetBudget::new(all.engine()?.clone(), &declared.name, untold(declared));
    Ok(creatio::Client::new(
        config,
        http,
        keeper,
        budget.without_readings(),
    )?)
}

fn untold(declared: &Declared) -> BucketConfig {
    let refill = declared.refill.unwrap_or(UNTOLD);
    BucketConfig {
        // As many at once as come back in two and a half seconds.
        capacity: ((refill * 2.5) as u32).max(1),
        refill_per_s: refill,
        refill_ceiling_per_s: refill,
    }
}

fn of_soundtrack(
    all: &Connections,
    declared: &Declared,
    (token, refusal): (&SecretString, Refusal),
) -> Result<soundtrack::Client, Error> {
    let mut config = soundtrack::Config::new(Token::basic(token.expose_secret())?);
    config.refusal = refusal;
    config.base_url.clone_from(&declared.base_url);
    config.page_size = declared.page_size.unwrap_or(config.page_size);
    let mut bucket = BucketConfig::default();
    if let Some(refill) = declared.refill {
        bucket.refill_per_s = refill;
        bucket.refill_ceiling_per_s = bucket.refill_ceiling_per_s.max(refill);
    }
    let http = http(all, declared, &[&declared.base_url], HttpConfig::default())?;
    let budget = FleetBudget::new(all.engine()?.clone(), &declared.name, bucket);
    Ok(soundtrack::Client::new(config, http, budget)?)
}

fn of_supabase(
    all: &Connections,
    declared: &Declared,
    (key, refusal): (&SecretString, Refusal),
) -> Result<supabase::Client, Error> {
    let key = supabase::Key::new(key.expose_secret())?;
    let mut config = supabase::Config::new(&declared.base_url, key);
    config.refusal = refusal;
    config.page_size = declared.page_size.unwrap_or(config.page_size);
    let http = http(all, declared, &[&declared.base_url], HttpConfig::default())?;
    let budget = FleetBudget::new(all.engine()?.clone(), &declared.name, untold(declared));
    Ok(supabase::Client::new(
        config,
        http,
        budget.without_readings(),
    )?)
}

fn of_zoho(
    all: &Connections,
    declared: &Declared,
    (secrets, generation): (&HashMap<&'static str, SecretString>, i64),
) -> Result<zoho::Client, Error> {
    let centre = declared.centre.unwrap_or(zoho::DataCentre::Us);
    let accounts_url = accounts_url(centre, &declared.base_url);
    let mut config = zoho::Config::new(centre, declared.account());
    config.api_domain.clone_from(&declared.base_url);
    config.page_size = declared.page_size.unwrap_or(config.page_size);
    let hosts = [declared.base_url.as_str(), accounts_url.as_str()];
    let minting = HttpConfig {
        request_timeout: MINT,
        ..HttpConfig::default()
    };
    let minting = http(all, declared, &hosts, minting)?;
    // The row counts for all processes; this is a net below it.
    let window = Window::new(zoho::MINTS_IN_TEN_MINUTES, TEN_MINUTES);
    let accounts = zoho::Accounts::new(&accounts_url, minting, window)?;
    let grant = zoho::Grant {
        client_id: secrets["client_id"].clone(),
        client_secret: secrets["client_secret"].clone(),
        refresh_token: secrets["refresh_token"].clone(),
    };
    let granted = zoho::Granted { accounts, grant };
    let keeper = Keeper::new(all, declared, granted, generation)?;
    let http = http(all, declared, &hosts, HttpConfig::default())?;
    let budget = FleetBudget::new(all.engine()?.clone(), &declared.name, ZOHO);
    let budget = budget.with_calls_a_day(CALLS_A_DAY);
    Ok(zoho::Client::new(
        config,
        http,
        keeper,
        budget.without_readings(),
    )?)
}

/// A simulator or a relay stands for both hosts of a data centre.
fn accounts_url(centre: zoho::DataCentre, base_url: &str) -> String {
    match base_url == centre.api_domain() {
        true => centre.accounts_url(),
        false => base_url.to_owned(),
    }
}

/// A transport that reaches these addresses' hosts and no other.
fn http(
    all: &Connections,
    declared: &Declared,
    addresses: &[&str],
    config: HttpConfig,
) -> Result<Http, Error> {
    let mut allowed_hosts = Vec::new();
    for address in addresses {
        let checked = all.reach().check(declared.service, address);
        let host =
            checked.map_err(|why| Error::Invalid(format!("{}: base_url: {why}", declared.name)))?;
        allowed_hosts.push(host);
    }
    Ok(Http::new(HttpConfig {
        allowed_hosts,
        request_timeout: all.longest_call().unwrap_or(config.request_timeout),
        ..config
    })?)
}

#[cfg(test)]
mod tests {
    use connectors::reach::Reach;

    use super::*;

    #[test]
    fn each_data_centre_has_its_own_two_hosts_and_they_may_be_called() {
        let reach = Reach::default();
        let mut hosts = std::collections::BTreeSet::new();
        for centre in zoho::DataCentre::ALL {
            let api = centre.api_domain();
            let accounts = accounts_url(centre, &api);

            for address in [&api, &accounts] {
                hosts.insert(reach.check(Service::Zoho, address).unwrap());
            }
            assert_ne!(api, accounts);
        }

        assert_eq!(hosts.len(), 2 * zoho::DataCentre::ALL.len());
    }

    #[test]
    fn a_relay_stands_for_both_hosts() {
        let relay = "https://zoho.example.com";

        assert_eq!(accounts_url(zoho::DataCentre::Eu, relay), relay);
    }
}
