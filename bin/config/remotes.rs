//! `[breaker]` and `[http]`: when remotes are not called, and where we are.

use std::net::SocketAddr;

use engine::BreakerRules;

use super::field::Field;
use super::section::Section;
use super::{DAY, Http, SECOND};
use crate::http::Cidr;

/// Above a million a second, no limit at all is what is meant.
const MOST_PER_MINUTE: i64 = 60_000_000;

/// `[breaker]`: when a connection counts as down.
pub(super) fn breaker(section: Section<'_>) -> BreakerRules {
    let usual = BreakerRules::default();
    let span = |key, longest| {
        section
            .get(key)
            .and_then(|field| field.duration(SECOND..=longest))
    };
    let hour = SECOND * 3_600;
    let alarm = |key, usual| match section.get(key) {
        None => usual,
        Some(field) if field.text() == Some("off") => None,
        Some(field) => field.duration(hour..=DAY * 365).or(usual),
    };
    let rules = BreakerRules {
        window: span("window", hour).unwrap_or(usual.window),
        first_open: span("open", hour).unwrap_or(usual.first_open),
        longest_open: span("longest_open", DAY).unwrap_or(usual.longest_open),
        probe_lease: span("probe_lease", hour).unwrap_or(usual.probe_lease),
        warn_after: alarm("warn_after", usual.warn_after),
        suspend_after: alarm("suspend_after", usual.suspend_after),
        least_bad: section
            .get("failures")
            .and_then(|field| field.integer(1..=10_000))
            .and_then(|failures| u32::try_from(failures).ok())
            .unwrap_or(usual.least_bad),
        share: section
            .get("share")
            .and_then(|field| field.number(0.01..=1.0))
            .unwrap_or(usual.share),
    };
    section.finish(&[]);
    rules
}

pub(super) fn http(section: Section<'_>, usual: Http) -> Http {
    let listen = section.get("listen");
    let metrics = section.get("metrics_listen");
    let off = |field: &Field<'_>| field.text() == Some("off");
    let listen_at = listen.as_ref().and_then(address).unwrap_or(usual.listen);
    let metrics_at = match &metrics {
        Some(field) if off(field) => None,
        Some(field) => address(field),
        None => usual.metrics_listen,
    };
    if let Some(field) = metrics
        && metrics_at == Some(listen_at)
        && listen_at.port() != 0
    {
        let help = "metrics have a listener of their own: choose another port, or \"off\"";
        field.refuse(
            "the API listens there already".into(),
            "expected another address",
            Some(help.into()),
        );
    }
    let rate = |key, usual| {
        let field = section.get(key);
        let rate = field.and_then(|field| field.integer(0..=MOST_PER_MINUTE));
        rate.and_then(|rate| u32::try_from(rate).ok())
            .unwrap_or(usual)
    };
    let with_token = rate("requests_per_minute", usual.requests_per_minute);
    let without = rate(
        "anonymous_requests_per_minute",
        usual.anonymous_requests_per_minute,
    );
    let proxies = section.get("trusted_proxies");
    let proxies = proxies.map_or(usual.trusted_proxies, |field| blocks(&field));
    section.finish(&[(
        "rate_limit",
        "requests are counted by the minute: `requests_per_minute = 6000`",
    )]);
    Http {
        listen: listen_at,
        metrics_listen: metrics_at,
        requests_per_minute: with_token,
        anonymous_requests_per_minute: without,
        trusted_proxies: proxies,
    }
}

fn blocks(field: &Field<'_>) -> Vec<Cidr> {
    let mut blocks = Vec::new();
    for item in field.items() {
        let Some(text) = item.text() else { continue };
        match text.parse::<Cidr>() {
            Ok(block) => blocks.push(block),
            Err(error) => item.refuse(
                format!("`{text}` is no address"),
                error.to_string(),
                Some("write it as `trusted_proxies = [\"10.0.0.0/8\", \"::1\"]`".into()),
            ),
        }
    }
    blocks
}

fn address(field: &Field<'_>) -> Option<SocketAddr> {
    let text = field.text()?;
    let parsed = parse_address(text);
    if parsed.is_none() {
        let help = "write it as `127.0.0.1:8080`, or `0.0.0.0:8080` for all interfaces";
        field.refuse(
            format!("`{text}` is not an address"),
            "expected an IP address and a port",
            Some(help.into()),
        );
    }
    parsed
}

/// `localhost:8080` and `:8080` are what people write.
pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if text.starts_with(':') => format!("0.0.0.0{text}"),
        None => text.to_owned(),
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use engine::Registry;

    use super::super::parse;

    #[test]
    fn proxies_are_blocks_of_addresses() {
        let read = |text: &str| parse("workers.toml", text, &Registry::new());
        let (config, _) = read("[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]");
        let proxies = config.expect("a configuration").http.trusted_proxies;

        assert_eq!(
            proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/8", "::1/128"]
        );
        for nonsense in ["\"10.0.0.0/8\"", "[10]", "[\"proxy\"]", "[\"10.0.0.1/8\"]"] {
            let (_, report) = read(&format!("[http]\ntrusted_proxies = {nonsense}"));
            assert_eq!(report.errors(), 1, "{nonsense}");
        }
    }

    #[test]
    fn alarms_of_a_connection_are_read_and_can_be_off() {
        let read = |text: &str| parse("workers.toml", text, &Registry::new());
        let alarms = |text: &str| {
            let rules = read(text).0.expect("a configuration").breaker;
            let hours = |span: Option<std::time::Duration>| span.map(|span| span.as_secs() / 3_600);
            (hours(rules.warn_after), hours(rules.suspend_after))
        };

        assert_eq!(alarms(""), (Some(24), Some(168)));
        assert_eq!(
            alarms("[breaker]\nwarn_after = \"2h\"\nsuspend_after = \"off\""),
            (Some(2), None)
        );
        let (_, report) = read("[breaker]\nsuspend_after = \"never\"");
        assert_eq!(report.errors(), 1);
    }

    #[test]
    fn rates_are_read_zero_is_off_and_nonsense_is_refused() {
        let read = |text: &str| parse("workers.toml", text, &Registry::new());
        let rates = |text: &str| {
            let http = read(text).0.expect("a configuration").http;
            (http.requests_per_minute, http.anonymous_requests_per_minute)
        };

        assert_eq!(rates(""), (6_000, 60));
        assert_eq!(rates("[http]\nrequests_per_minute = 0"), (0, 60));
        assert_eq!(
            rates("[http]\nanonymous_requests_per_minute = 5"),
            (6_000, 5)
        );
        for nonsense in ["-1", "60000001", "1.5", "\"6000\""] {
            let (_, report) = read(&format!("[http]\nrequests_per_minute = {nonsense}"));
            assert_eq!(report.errors(), 1, "{nonsense}");
        }
    }
}
