//! The only room that reads environment variables. They are read once, at the start, so that a
//! program has one answer to what it was told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use secrecy::SecretString;

/// Asked once, and only when no variable says who we are: a directory service may have to be reached.
static OWN_NAME: LazyLock<String> = LazyLock::new(postgres::own_name);

/// The environment as it was when the program started.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

/// Values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.0.keys().filter(|name| name.starts_with("LOCKSTEP_")))
            .finish()
    }
}

impl Environment {
    /// That of this process. Variables that are not text are as good as not set.
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    pub(crate) fn of_process() -> Environment {
        let text = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Environment(text.collect())
    }

    /// One made up for a test.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Environment {
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment(owned.into_iter().collect())
    }

    /// A variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable that holds a secret.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    /// `LOCKSTEP_CONFIG`: which `workers.toml`.
    pub(super) fn config_path(&self) -> Option<PathBuf> {
        self.get("LOCKSTEP_CONFIG").map(PathBuf::from)
    }

    /// `LOCKSTEP_DATABASE_URL`, or what most hosts set: `DATABASE_URL`.
    pub(super) fn database_url(&self) -> Option<(&str, &'static str)> {
        ["LOCKSTEP_DATABASE_URL", "DATABASE_URL"]
            .into_iter()
            .find_map(|name| Some((self.get(name)?, name)))
    }

    /// systemd's directory for secrets handed to a service (`LoadCredential=`).
    pub(super) fn credentials(&self) -> Option<PathBuf> {
        self.get("CREDENTIALS_DIRECTORY").map(PathBuf::from)
    }

    /// `LOCKSTEP_LOG` or `RUST_LOG`: what is logged, as `info,engine=debug`.
    pub(crate) fn log_filter(&self) -> Option<&str> {
        self.get("LOCKSTEP_LOG").or_else(|| self.get("RUST_LOG"))
    }

    /// Whether colours are unwanted wherever output goes: `NO_COLOR`, `LOCKSTEP_NO_COLOR`, a terminal
    /// that has none.
    pub(crate) fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
            || self.get("LOCKSTEP_NO_COLOR").is_some()
            || self.get("TERM") == Some("dumb")
    }

    /// Whether colours are wanted even where output is not a terminal.
    pub(crate) fn force_color(&self) -> bool {
        self.get("CLICOLOR_FORCE").is_some_and(|value| value != "0")
    }

    /// Who is at the keyboard, for the audit trail. Services and containers often have no variable
    /// that says so; then it is whom the process runs as.
    pub(crate) fn user(&self) -> &str {
        ["LOCKSTEP_ACTOR", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| self.get(name))
            .unwrap_or_else(|| OWN_NAME.as_str())
    }

    /// Where temporary directories go.
    pub(crate) fn temp_dir(&self) -> PathBuf {
        self.get("TMPDIR")
            .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    }

    /// Where programs are looked for.
    pub(crate) fn search_path(&self) -> Vec<PathBuf> {
        std::env::split_paths(self.get("PATH").unwrap_or_default()).collect()
    }

    /// Where systemd listens for how we are.
    pub(crate) fn notify_socket(&self) -> Option<&str> {
        self.get("NOTIFY_SOCKET")
    }

    /// The machine's name, for worker labels.
    pub(super) fn host(&self) -> Option<&str> {
        self.get("LOCKSTEP_WORKER_LABEL")
            .or_else(|| self.get("HOSTNAME"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_name_wins_over_the_usual_one() {
        let env = Environment::of([
            ("DATABASE_URL", "theirs"),
            ("LOCKSTEP_DATABASE_URL", "ours"),
        ]);

        assert_eq!(env.database_url(), Some(("ours", "LOCKSTEP_DATABASE_URL")));
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let env = Environment::of([("NO_COLOR", ""), ("DATABASE_URL", "")]);

        assert!(!env.no_color());
        assert_eq!(env.database_url(), None);
    }

    #[test]
    fn without_a_variable_the_process_itself_says_who_it_is() {
        let env = Environment::of([("USER", ""), ("LOGNAME", "")]);
        let named = Environment::of([("USER", "ann"), ("LOCKSTEP_ACTOR", "deploy")]);

        assert_eq!(env.user(), postgres::own_name());
        assert_ne!(env.user(), "unknown");
        assert_eq!(named.user(), "deploy");
    }

    #[test]
    fn values_are_never_printed() {
        let env = Environment::of([("LOCKSTEP_SOUNDTRACK_TOKEN", "canary")]);

        assert_eq!(format!("{env:?}"), r#"{"LOCKSTEP_SOUNDTRACK_TOKEN"}"#);
    }
}
