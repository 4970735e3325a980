//! `[connections]` and `[credentials]`: which remote accounts there are, and where their secrets and the keys
//! that seal them are. No secret stands in the file itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use connectors::creatio;
use connectors::reach::{Reach, Service};
use connectors::zoho::DataCentre;
use jobs::connection::{check_name, fields_of};

use super::field::Field;
use super::section::Section;
use super::{DEFAULT_KEY_ENV, DEFAULT_TOKEN_ENV};

/// Where a secret is: never in the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file, alone.
    File(PathBuf),
}

/// The remote accounts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Connections {
    /// The keys that seal credentials in the database.
    pub(crate) keys: SecretSource,
    /// Hosts besides the vendors' own.
    pub(crate) reach: Reach,
    /// `soundtrack/default` is always among them.
    pub(crate) declared: Vec<Connection>,
}

/// One remote account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Connection {
    /// `<service>/<account>`.
    pub(crate) name: String,
    pub(crate) service: Service,
    /// Where it is called; none is the vendor's.
    pub(crate) base_url: Option<String>,
    /// Where Creatio's access tokens come from; none is the cloud's, beside `base_url`.
    pub(crate) identity_url: Option<String>,
    /// Zoho's data centre.
    pub(crate) centre: Option<DataCentre>,
    /// Records a page.
    pub(crate) page_size: Option<u16>,
    /// Tokens that come back to the vendor's bucket each second, as a first guess.
    pub(crate) refill: Option<f64>,
    /// Secrets that are not in the database, by field.
    pub(crate) sources: BTreeMap<&'static str, SecretSource>,
}

impl Default for Connections {
    fn default() -> Connections {
        let mut first = Connection::new(jobs::soundtrack::CONNECTION, Service::Soundtrack);
        let usual = SecretSource::Env(DEFAULT_TOKEN_ENV.to_owned());
        first.sources.insert("token", usual);
        Connections {
            keys: SecretSource::Env(DEFAULT_KEY_ENV.to_owned()),
            reach: Reach::default(),
            declared: vec![first],
        }
    }
}

impl Connections {
    /// The connection of the kinds of Soundtrack.
    pub(crate) fn soundtrack(&mut self) -> Option<&mut Connection> {
        let mut all = self.declared.iter_mut();
        all.find(|one| one.name == jobs::soundtrack::CONNECTION)
    }
}

impl Connection {
    fn new(name: &str, service: Service) -> Connection {
        Connection {
            name: name.to_owned(),
            service,
            base_url: None,
            identity_url: None,
            centre: None,
            page_size: None,
            refill: None,
            sources: BTreeMap::new(),
        }
    }
}

/// `[credentials]`
pub(super) fn credentials(section: Section<'_>, usual: SecretSource) -> SecretSource {
    refuse_secrets(&section, &["key", "keys", "secret"], DEFAULT_KEY_ENV);
    let file = section.get("key_file").and_then(|field| field.text());
    section.finish(&[]);
    file.map_or(usual, |path| SecretSource::File(path.into()))
}

/// `[connections]`
pub(super) fn connections(section: &Section<'_>, usual: Connections) -> Connections {
    let mut all = usual;
    if let Some(field) = section.get("allowed_hosts") {
        all.reach.hosts = hosts(&field);
    }
    if let Some(field) = section.get("loopback") {
        all.reach.loopback = field.boolean().unwrap_or(false);
    }
    for (name, field) in section.entries() {
        let name = name.get_ref().as_ref();
        if matches!(name, "allowed_hosts" | "loopback") {
            continue;
        }
        let service = match check_name(name) {
            Ok(service) => service,
            Err(why) => {
                field.refuse(
                    format!("`{name}` names no connection"),
                    "not a connection",
                    Some(why),
                );
                continue;
            }
        };
        if let Some(one) = field.section() {
            let read = connection(one, Connection::new(name, service), &all.reach);
            all.declared.retain(|other| other.name != read.name);
            all.declared.push(read);
        }
    }
    all.declared.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn connection(section: Section<'_>, mut one: Connection, reach: &Reach) -> Connection {
    refuse_secrets(
        &section,
        &[
            "token",
            "api_token",
            "api_key",
            "key",
            "secret",
            "password",
            "client_id",
            "client_secret",
            "refresh_token",
            "access_token",
        ],
        DEFAULT_TOKEN_ENV,
    );
    one.base_url = section
        .get("base_url")
        .and_then(|field| endpoint(&field, one.service, reach));
    one.page_size = section
        .get("page_size")
        .and_then(|field| field.integer(page_sizes(one.service)))
        .and_then(|size| u16::try_from(size).ok());
    match one.service {
        Service::Creatio => site(&section, &mut one, reach),
        Service::Soundtrack => {
            one.refill = section
                .get("refill")
                .and_then(|field| field.number(0.2..=10_000.0));
        }
        Service::Zoho => {
            let words = DataCentre::ALL.map(|centre| (centre.as_str(), centre));
            one.centre = section
                .get("data_centre")
                .and_then(|field| field.word(&words));
            if section.get("data_centre").is_none() {
                section.missing("data_centre", "data_centre = \"eu\"");
            }
        }
        Service::Supabase => {
            one.refill = section
                .get("refill")
                .and_then(|field| field.number(0.2..=10_000.0));
            if section.get("base_url").is_none() {
                section.missing(
                    "base_url",
                    "base_url = \"https://PROJECT.supabase.co/rest/v1\"",
                );
            }
        }
    }
    for rule in fields_of(one.service) {
        let (env, file) = source_keys(rule.name);
        if let Some(source) = source(&section, env, file) {
            one.sources.insert(rule.name, source);
        }
    }
    // What the environment is asked for when the file says nothing.
    if one.name == jobs::soundtrack::CONNECTION {
        let usual = SecretSource::Env(DEFAULT_TOKEN_ENV.to_owned());
        one.sources.entry("token").or_insert(usual);
    }
    section.finish(&[]);
    one
}

/// A site of the vendor's cloud is known by its name; one that somebody runs has both its addresses said.
fn site(section: &Section<'_>, one: &mut Connection, reach: &Reach) {
    one.refill = section
        .get("refill")
        .and_then(|field| field.number(0.2..=10_000.0));
    let field = section.get("identity_url");
    one.identity_url = field
        .as_ref()
        .and_then(|field| endpoint(field, one.service, reach));
    let name = one.name.split_once('/').map_or("", |(_, site)| site);
    let said = section.get("base_url").is_some();
    if !said && !creatio::is_site(name) {
        section.missing(
            "base_url",
            "base_url = \"https://SITE.creatio.com/0/odata\"",
        );
    }
    let is_of_cloud = |url: &String| creatio::identity_url(url).is_some();
    if field.is_none() && said && !one.base_url.as_ref().is_none_or(is_of_cloud) {
        section.missing(
            "identity_url",
            "identity_url = \"https://crm-is.example.com\"",
        );
    }
}

/// The settings that say where a secret is. Sections hear of keys by names that live as long as the program.
fn source_keys(field: &str) -> (&'static str, &'static str) {
    match field {
        "key" => ("key_env", "key_file"),
        "client_id" => ("client_id_env", "client_id_file"),
        "client_secret" => ("client_secret_env", "client_secret_file"),
        "refresh_token" => ("refresh_token_env", "refresh_token_file"),
        _ => ("token_env", "token_file"),
    }
}

fn page_sizes(service: Service) -> std::ops::RangeInclusive<i64> {
    match service {
        Service::Soundtrack => 1..=100,
        Service::Creatio | Service::Supabase => 1..=1_000,
        Service::Zoho => 20..=200,
    }
}

fn hosts(field: &Field<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for item in field.items() {
        let Some(text) = item.text() else { continue };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if text.is_empty() || !text.chars().all(plain) {
            item.refuse(
                format!("`{text}` is no host"),
                "expected a host alone",
                Some("write it without scheme, port and path: `allowed_hosts = [\"crm.example.com\"]`".into()),
            );
            continue;
        }
        hosts.push(text.to_ascii_lowercase());
    }
    hosts
}

/// A credential goes to whatever stands here.
fn endpoint(field: &Field<'_>, service: Service, reach: &Reach) -> Option<String> {
    let url = field.text()?;
    match reach.check(service, url) {
        Ok(_) => Some(url.trim_end_matches('/').to_owned()),
        Err(why) => {
            if url.contains('@') {
                field.hide();
            }
            field.refuse(
                "no credential may go to this address".into(),
                "not allowed",
                Some(why),
            );
            None
        }
    }
}

fn refuse_secrets(section: &Section<'_>, keys: &[&'static str], variable: &str) {
    for key in keys {
        let Some(field) = section.get(key) else {
            continue;
        };
        field.hide();
        let help = format!(
            "seal it in the database: `lockstep credential set`; or put it in an environment variable, as \
             {variable}, or in a file of its own, and name that: `{key}_env`, `{key}_file`"
        );
        field.refuse(
            "a secret does not belong in this file".into(),
            "remove it",
            Some(help),
        );
    }
}

fn source(section: &Section<'_>, env: &'static str, file: &'static str) -> Option<SecretSource> {
    let (variable, path) = (section.get(env), section.get(file));
    if let (Some(_), Some(field)) = (&variable, &path) {
        field.refuse(
            "the secret can be in one place only".into(),
            format!("`{env}` is set too"),
            Some("remove one of the two".into()),
        );
    }
    if let Some(path) = path.and_then(|field| field.text().map(PathBuf::from)) {
        return Some(SecretSource::File(path));
    }
    let field = variable?;
    let name = field.text()?;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(is_name)
        || name.starts_with(|c: char| c.is_ascii_digit())
        || name.is_empty()
    {
        // It may well be the secret itself.
        field.hide();
        field.refuse(
            "this cannot name a variable".into(),
            "expected A-Z, 0-9 and _",
            Some(format!("write it as `{env} = \"{DEFAULT_TOKEN_ENV}\"`")),
        );
        return None;
    }
    Some(SecretSource::Env(name.to_owned()))
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
