//! The data centres, each with hosts of its own (sheet section 1). A grant is good in one of them only.

use std::fmt;
use std::str::FromStr;

/// Where an organisation lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataCentre {
    Us,
    Eu,
    In,
    Au,
    Jp,
    Ca,
    Cn,
    Sa,
}

impl DataCentre {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Us,
        Self::Eu,
        Self::In,
        Self::Au,
        Self::Jp,
        Self::Ca,
        Self::Cn,
        Self::Sa,
    ];

    /// The host that gives tokens.
    #[must_use]
    pub fn accounts_host(self) -> &'static str {
        match self {
            Self::Us => "accounts.zoho.com",
            Self::Eu => "accounts.zoho.eu",
            Self::In => "accounts.zoho.in",
            Self::Au => "accounts.zoho.com.au",
            Self::Jp => "accounts.zoho.jp",
            Self::Ca => "accounts.zohocloud.ca",
            Self::Cn => "accounts.zoho.com.cn",
            Self::Sa => "accounts.zoho.sa",
        }
    }

    /// The host of the API.
    #[must_use]
    pub fn api_host(self) -> &'static str {
        match self {
            Self::Us => "www.zohoapis.com",
            Self::Eu => "www.zohoapis.eu",
            Self::In => "www.zohoapis.in",
            Self::Au => "www.zohoapis.com.au",
            Self::Jp => "www.zohoapis.jp",
            Self::Ca => "www.zohoapis.ca",
            Self::Cn => "www.zohoapis.com.cn",
            Self::Sa => "www.zohoapis.sa",
        }
    }

    /// `https://` and [`accounts_host`](Self::accounts_host).
    #[must_use]
    pub fn accounts_url(self) -> String {
        format!("https://{}", self.accounts_host())
    }

    /// `https://` and [`api_host`](Self::api_host).
    #[must_use]
    pub fn api_domain(self) -> String {
        format!("https://{}", self.api_host())
    }

    /// The two hosts that a connection to this centre may call, for
    /// [`crate::http::HttpConfig::allowed_hosts`].
    #[must_use]
    pub fn allowed_hosts(self) -> Vec<String> {
        vec![self.accounts_host().to_owned(), self.api_host().to_owned()]
    }

    /// The word of settings: `us`, `eu`, `in`, `au`, `jp`, `ca`, `cn` or `sa`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::In => "in",
            Self::Au => "au",
            Self::Jp => "jp",
            Self::Ca => "ca",
            Self::Cn => "cn",
            Self::Sa => "sa",
        }
    }
}

impl fmt::Display for DataCentre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DataCentre {
    type Err = crate::Error;

    /// # Errors
    /// [`crate::Error::Misconfigured`] for any word but the eight.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL
            .into_iter()
            .find(|centre| centre.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            crate::Error::misconfigured(
                "read the Zoho data centre",
                "it must be one of us, eu, in, au, jp, ca, cn, sa",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_centre_has_its_word_and_hosts_of_its_own() {
        let mut hosts: Vec<String> = Vec::new();
        for centre in DataCentre::ALL {
            assert_eq!(centre.as_str().parse::<DataCentre>().unwrap(), centre);
            hosts.extend(centre.allowed_hosts());
        }
        hosts.sort();
        hosts.dedup();

        assert_eq!(hosts.len(), 16);
        assert!("com".parse::<DataCentre>().is_err());
    }
}
