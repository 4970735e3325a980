//! What the environment says, over what the file says.

use super::check::database_url;
use super::remotes::parse_address;
use super::{
    Config, DEFAULT_KEY_ENV, DEFAULT_TOKEN_ENV, Database, Environment, Error, SecretSource,
};

pub(super) fn apply_environment(config: &mut Config, env: &Environment) -> Result<(), Error> {
    if let Some((url, variable)) = env.database_url() {
        database_url(url).map_err(|problem| bad(variable, problem))?;
        config.database = Some(Database {
            url: url.to_owned(),
            origin: variable.to_owned(),
        });
    }
    if let Some(dir) = env.get("LOCKSTEP_DATA_DIR") {
        config.postgres.data_dir = Some(dir.into());
    }
    listen(config, env)?;
    connections(config, env)?;
    if config.worker.label == "worker" {
        let host = env.host().map_or_else(host_name, str::to_owned);
        config.worker.label = format!("{host}:{}", std::process::id());
    }
    Ok(())
}

fn listen(config: &mut Config, env: &Environment) -> Result<(), Error> {
    // What container hosts set: they expect every interface.
    if let Some(port) = env.get("PORT") {
        let problem = || bad("PORT", format!("`{port}` is not a port"));
        config.http.listen = parse_address(&format!(":{port}")).ok_or_else(problem)?;
    }
    let address = |variable: &str| match env.get(variable) {
        Some(text) => parse_address(text).map(Some).ok_or_else(|| {
            bad(
                variable,
                format!("`{text}` is not an address; write it as 127.0.0.1:8080"),
            )
        }),
        None => Ok(None),
    };
    if let Some(listen) = address("LOCKSTEP_HTTP_LISTEN")? {
        config.http.listen = listen;
    }
    if env.get("LOCKSTEP_METRICS_LISTEN") == Some("off") {
        config.http.metrics_listen = None;
    } else if let Some(listen) = address("LOCKSTEP_METRICS_LISTEN")? {
        config.http.metrics_listen = Some(listen);
    }
    Ok(())
}

/// Simulators are called when a variable says so, for tests that have no file.
fn connections(config: &mut Config, env: &Environment) -> Result<(), Error> {
    if env.get(DEFAULT_KEY_ENV).is_some() {
        config.connections.keys = SecretSource::Env(DEFAULT_KEY_ENV.to_owned());
    }
    match env.get("LOCKSTEP_CONNECTIONS_LOOPBACK") {
        None => {}
        Some("true") => config.connections.reach.loopback = true,
        Some("false") => config.connections.reach.loopback = false,
        Some(_) => {
            let problem = "expected true or false".to_owned();
            return Err(bad("LOCKSTEP_CONNECTIONS_LOOPBACK", problem));
        }
    }
    let reach = config.connections.reach.clone();
    let Some(soundtrack) = config.connections.soundtrack() else {
        return Ok(());
    };
    if let Some(url) = env.get("LOCKSTEP_SOUNDTRACK_BASE_URL") {
        let checked = reach.check(soundtrack.service, url);
        checked.map_err(|problem| bad("LOCKSTEP_SOUNDTRACK_BASE_URL", problem))?;
        soundtrack.base_url = Some(url.to_owned());
    }
    if let Some(configured) = soundtrack.sources.remove("token") {
        soundtrack.sources.insert("token", token(configured, env));
    }
    Ok(())
}

/// The usual variable wins when it is set; then systemd's credential, when nothing was configured.
fn token(configured: SecretSource, env: &Environment) -> SecretSource {
    let usual = SecretSource::Env(DEFAULT_TOKEN_ENV.to_owned());
    if env.get(DEFAULT_TOKEN_ENV).is_some() {
        return usual;
    }
    if let Some(file) = env.get("LOCKSTEP_SOUNDTRACK_TOKEN_FILE") {
        return SecretSource::File(file.into());
    }
    let credential = env.credentials().map(|dir| dir.join("soundtrack_token"));
    match credential {
        Some(file) if configured == usual && file.is_file() => SecretSource::File(file),
        _ => configured,
    }
}

fn host_name() -> String {
    // No variable says it to services; the kernel's file does.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "lockstep".to_owned()
    } else {
        name.to_owned()
    }
}

fn bad(variable: &str, problem: String) -> Error {
    Error::Variable {
        variable: variable.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use engine::Registry;

    use super::*;

    fn with<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, Error> {
        let text = "[database]\nurl = \"postgres://file/db\"\n[http]\nlisten = \"127.0.0.1:1\"";
        let (config, _) = super::super::parse("workers.toml", text, &Registry::new());
        let mut config = config.unwrap();
        apply_environment(&mut config, &Environment::of(pairs))?;
        Ok(config)
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = with([
            ("DATABASE_URL", "postgres://env/db"),
            ("PORT", "80"),
            ("LOCKSTEP_METRICS_LISTEN", "off"),
        ]);

        let config = config.unwrap();
        assert_eq!(config.database.unwrap().url, "postgres://env/db");
        assert_eq!(config.http.listen.to_string(), "0.0.0.0:80");
        assert_eq!(config.http.metrics_listen, None);
    }

    #[test]
    fn a_bad_variable_is_named_and_its_secret_is_not() {
        let error = with([("DATABASE_URL", "mysql://root:canary@host")])
            .unwrap_err()
            .to_string();

        assert!(error.starts_with("DATABASE_URL: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
