//! Which hosts may be called with a credential: those of the vendor, and those that a person has named.
//! Anything else is refused before a connection is made, for a secret that went there is lost.

use reqwest::Url;

use crate::creatio;
use crate::zoho::DataCentre;

/// Whose hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    Creatio,
    Soundtrack,
    Supabase,
    Zoho,
}

/// What a person has allowed besides the vendors' own hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Hosts without port, for vendors' software that somebody runs themselves. Over https.
    pub hosts: Vec<String>,
    /// This machine, over plain http too: for simulators.
    pub loopback: bool,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Creatio, Self::Soundtrack, Self::Supabase, Self::Zoho];

    /// As connections are named: `zoho` of `zoho/10234695`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creatio => "creatio",
            Self::Soundtrack => "soundtrack",
            Self::Supabase => "supabase",
            Self::Zoho => "zoho",
        }
    }

    /// The service of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The vendor's hosts, in words.
    #[must_use]
    pub fn hosts(self) -> String {
        match self {
            Self::Creatio => "SITE.creatio.com and SITE-is.creatio.com".to_owned(),
            Self::Soundtrack => "api.soundtrackyourbrand.com".to_owned(),
            Self::Supabase => "PROJECT.supabase.co".to_owned(),
            Self::Zoho => "www.zohoapis.com and those of Zoho's other data centres".to_owned(),
        }
    }

    fn owns(self, host: &str) -> bool {
        match self {
            Self::Creatio => creatio::is_of_cloud(host),
            Self::Soundtrack => host == "api.soundtrackyourbrand.com",
            Self::Supabase => host.strip_suffix(".supabase.co").is_some_and(|project| {
                !project.is_empty() && project.chars().all(|c| c.is_ascii_alphanumeric())
            }),
            Self::Zoho => DataCentre::ALL
                .into_iter()
                .any(|centre| host == centre.api_host() || host == centre.accounts_host()),
        }
    }
}

impl Reach {
    /// The host of `address`, if a credential of `service` may go there.
    ///
    /// # Errors
    /// What is wrong with it, in words that say what to do; never the address itself, which may hold a
    /// password.
    pub fn check(&self, service: Service, address: &str) -> Result<String, String> {
        let url = Url::parse(address).map_err(|_| "it is no address: write it as https://…")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it holds a user or a password: give secrets apart".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it may end in a path, and in nothing else".to_owned());
        }
        // The brackets of IPv6 stay: the transport compares hosts as they stand in addresses.
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if is_loopback(&host) {
            return match self.loopback {
                true => Ok(host),
                false => Err("it is this machine, which no credential goes to unless \
                              `[connections] loopback = true`"
                    .to_owned()),
            };
        }
        if url.scheme() != "https" {
            return Err("expected https://".to_owned());
        }
        let named = self.hosts.iter().any(|one| one.eq_ignore_ascii_case(&host));
        if (service.owns(&host) && url.port().is_none()) || named {
            return Ok(host);
        }
        Err(format!(
            "the host {host} is none of {} ({}); if you run it yourself, add it to `[connections] allowed_hosts`",
            service.as_str(),
            service.hosts()
        ))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_to_its_vendor_and_nowhere_else() {
        let reach = Reach::default();
        let table = [
            (
                Service::Soundtrack,
                "https://api.soundtrackyourbrand.com/v2",
                true,
            ),
            (
                Service::Soundtrack,
                "http://api.soundtrackyourbrand.com/v2",
                false,
            ),
            (Service::Soundtrack, "https://www.zohoapis.com", false),
            (Service::Zoho, "https://www.zohoapis.eu", true),
            (Service::Zoho, "https://accounts.zohocloud.ca", true),
            (Service::Zoho, "https://www.zohoapis.eu:8443", false),
            (Service::Zoho, "https://www.zohoapis.eu.example.com", false),
            (
                Service::Supabase,
                "https://abcdefgh.supabase.co/rest/v1",
                true,
            ),
            (Service::Supabase, "https://supabase.co/rest/v1", false),
            (Service::Supabase, "https://a.b.supabase.co/rest/v1", false),
            (Service::Supabase, "https://evil-supabase.co", false),
            (Service::Supabase, "https://u:p@abc.supabase.co", false),
            (Service::Supabase, "https://abc.supabase.co?x=1", false),
            (Service::Creatio, "https://acme.creatio.com/0/odata", true),
            (Service::Creatio, "https://acme-is.creatio.com", true),
            (Service::Creatio, "https://creatio.com", false),
            (Service::Creatio, "https://a.b.creatio.com", false),
            (Service::Creatio, "https://evil-creatio.com", false),
            (
                Service::Creatio,
                "https://acme.creatio.com.example.com",
                false,
            ),
            (Service::Zoho, "https://169.254.169.254", false),
            (Service::Zoho, "http://127.0.0.1:80", false),
            (Service::Zoho, "https://[::1]", false),
            (Service::Zoho, "zoho", false),
            (Service::Zoho, "file:///etc/passwd", false),
        ];
        for (service, address, expected) in table {
            let checked = reach.check(service, address);

            assert_eq!(
                checked.is_ok(),
                expected,
                "{service:?} {address}: {checked:?}"
            );
        }
    }

    #[test]
    fn a_person_can_name_more_hosts_and_this_machine() {
        let reach = Reach {
            hosts: vec!["crm.example.com".to_owned()],
            loopback: true,
        };
        let check = |address| reach.check(Service::Supabase, address);

        assert_eq!(
            check("https://CRM.example.com/rest").unwrap(),
            "crm.example.com"
        );
        assert_eq!(check("http://127.0.0.1:54321/rest").unwrap(), "127.0.0.1");
        assert_eq!(check("http://localhost:1").unwrap(), "localhost");
        assert!(check("http://crm.example.com/rest").is_err());
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        let error = Reach::default().check(Service::Zoho, "https://user:canary@www.zohoapis.com");

        assert!(!error.unwrap_err().contains("canary"));
    }
}
