//! What settings say of a connection, and which secrets a service needs.

use std::collections::BTreeMap;

use connectors::reach::Service;
use connectors::zoho::DataCentre;
use secrecy::SecretString;

/// A connection as the settings have it.
#[derive(Debug, Clone)]
pub struct Declared {
    /// `<service>/<account>`: the rate key of its jobs.
    pub name: String,
    pub service: Service,
    /// Where it is called.
    pub base_url: String,
    /// Where Creatio's access tokens come from; the cloud's own beside `base_url` unless said.
    pub identity_url: Option<String>,
    /// Zoho's data centre.
    pub centre: Option<DataCentre>,
    /// Records a page; the connector's own number unless said.
    pub page_size: Option<u16>,
    /// Tokens that come back to the vendor's bucket each second, as a first guess.
    pub refill: Option<f64>,
    /// Secrets that the settings have elsewhere than in the database, by field.
    pub given: BTreeMap<&'static str, Given>,
}

/// A secret that is kept outside the database.
#[derive(Debug, Clone)]
pub struct Given {
    /// Where, for people: `variable SHOP_KEY`.
    pub origin: String,
    /// None when there is nothing in that place.
    pub secret: Option<SecretString>,
}

/// A secret that a service needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldRule {
    pub name: &'static str,
    /// What it is, for people.
    pub says: &'static str,
    /// The one that a person gives anew when the remote does not take it any more.
    pub is_renewed: bool,
}

const fn field(name: &'static str, says: &'static str, is_renewed: bool) -> FieldRule {
    FieldRule {
        name,
        says,
        is_renewed,
    }
}

/// The secrets of a service, in the order people are told of them.
#[must_use]
pub fn fields_of(service: Service) -> &'static [FieldRule] {
    const CREATIO: &[FieldRule] = &[
        field("client_id", "the id of the OAuth client", false),
        field("client_secret", "its secret", true),
    ];
    const SOUNDTRACK: &[FieldRule] = &[field("token", "the token of the API client", true)];
    const SUPABASE: &[FieldRule] = &[field(
        "key",
        "the project's secret or service_role key",
        true,
    )];
    const ZOHO: &[FieldRule] = &[
        field("client_id", "the id of the OAuth client", false),
        field("client_secret", "its secret", false),
        field("refresh_token", "the refresh token of the consent", true),
    ];
    match service {
        Service::Creatio => CREATIO,
        Service::Soundtrack => SOUNDTRACK,
        Service::Supabase => SUPABASE,
        Service::Zoho => ZOHO,
    }
}

/// The service that a name begins with.
///
/// # Errors
/// What is wrong with the name, and how it is written.
pub fn check_name(name: &str) -> Result<Service, String> {
    let example =
        "write it as `creatio/acme`, `soundtrack/default`, `supabase/shop` or `zoho/10234695`";
    let (service, account) = name.split_once('/').ok_or(example)?;
    let Some(service) = Service::parse(service) else {
        return Err(format!("there is no service `{service}`: {example}"));
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !(1..=80).contains(&account.len()) || !account.chars().all(plain) {
        return Err(format!(
            "the account may have letters, digits, dots, dashes and underscores: {example}"
        ));
    }
    if service == Service::Zoho && !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a Zoho connection is named by its organisation: `zoho/10234695`".to_owned());
    }
    Ok(service)
}

impl Declared {
    /// The part of the name behind the service.
    #[must_use]
    pub fn account(&self) -> &str {
        self.name.split_once('/').map_or("", |(_, account)| account)
    }

    /// The data centre's word.
    #[must_use]
    pub fn region(&self) -> Option<&'static str> {
        self.centre.map(DataCentre::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_service_and_account() {
        assert_eq!(check_name("soundtrack/default"), Ok(Service::Soundtrack));
        assert_eq!(check_name("zoho/10234695"), Ok(Service::Zoho));
        assert_eq!(check_name("creatio/acme-crm"), Ok(Service::Creatio));
        let long = format!("supabase/{}", "x".repeat(81));
        for bad in [
            "soundtrack",
            "soundtrack/",
            "hubspot/x",
            "zoho/shop",
            "supabase/a b",
            "supabase/a/b",
            &long,
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
