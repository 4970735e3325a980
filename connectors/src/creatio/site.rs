//! Where a site of the vendor's cloud is (sheet sections 1 and 2). The identity service is another host.

use reqwest::Url;

const CLOUD: &str = ".creatio.com";

/// The root of the OData service of a cloud site: `https://<site>.creatio.com/0/odata`.
#[must_use]
pub fn service_url(site: &str) -> String {
    format!("https://{site}{CLOUD}/0/odata")
}

/// The identity service that goes with the service at `base_url`: `https://<site>-is.creatio.com`. `None` for
/// sites that are not of the cloud, whose administrator chose it.
#[must_use]
pub fn identity_url(base_url: &str) -> Option<String> {
    let url = Url::parse(base_url).ok()?;
    let site = url.host_str()?.strip_suffix(CLOUD)?;
    is_site(site).then(|| format!("https://{site}-is{CLOUD}"))
}

/// Whether a host is of the vendor's cloud: a site or an identity service.
pub(crate) fn is_of_cloud(host: &str) -> bool {
    host.strip_suffix(CLOUD).is_some_and(is_site)
}

/// Whether `site` can be the name of a cloud site: one label of a host.
#[must_use]
pub fn is_site(site: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&site.len())
        && site.chars().all(plain)
        && !site.starts_with('-')
        && !site.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_site_has_its_identity_service_beside_it_and_others_say_theirs() {
        let url = service_url("acme-crm");

        assert_eq!(url, "https://acme-crm.creatio.com/0/odata");
        assert_eq!(
            identity_url(&url).as_deref(),
            Some("https://acme-crm-is.creatio.com")
        );
        for other in [
            "https://crm.example.com/odata",
            "https://a.b.creatio.com/odata",
            "https://creatio.com",
            "x",
        ] {
            assert_eq!(identity_url(other), None, "{other}");
        }
    }
}
