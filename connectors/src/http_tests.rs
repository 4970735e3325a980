//! Which addresses are called, and what a request shows of itself.

use super::*;

#[test]
fn only_listed_hosts_are_called_and_only_loopback_or_named_ones_without_tls() {
    let config = HttpConfig {
        allowed_hosts: [
            "api.example.com",
            "127.0.0.1",
            "[::1]",
            "localhost",
            "plain.example",
        ]
        .map(str::to_owned)
        .to_vec(),
        plain_hosts: vec!["plain.example".to_owned(), "unlisted.example".to_owned()],
        ..HttpConfig::default()
    };
    let http = Http::new(config).unwrap();
    let table = [
        ("https://api.example.com/v2", true),
        ("https://API.example.com:8443/v2", true),
        ("http://api.example.com/v2", false),
        ("http://127.0.0.1:1/v2", true),
        ("http://[::1]:1/v2", true),
        ("http://localhost:1/v2", true),
        ("http://plain.example/v2", true),
        ("http://unlisted.example/v2", false),
        ("https://api.example.com.evil.example/v2", false),
        ("https://api.example.com@evil.example/v2", false),
        ("https://169.254.169.254/latest", false),
        ("http://127.0.0.2/v2", false),
        ("ftp://api.example.com/v2", false),
        ("file:///etc/passwd", false),
    ];
    for (address, allowed) in table {
        let checked = http.check_address(&Url::parse(address).unwrap(), "try");

        assert_eq!(checked.is_ok(), allowed, "{address}");
    }
}

#[test]
fn a_request_shows_neither_its_body_nor_its_query() {
    let request = Request {
        method: Method::POST,
        url: Url::parse("https://api.example.com/v2?key=canary").unwrap(),
        token: Some(Token::basic("canary").unwrap()),
        headers: HeaderMap::new(),
        body: Some(b"canary".to_vec()),
        effect: Effect::Write,
        action: "try".to_owned(),
    };

    assert!(!format!("{request:?}").contains("canary"));
}
