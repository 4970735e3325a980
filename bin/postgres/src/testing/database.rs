//! Databases on the test server: a template per schema, a clone per test.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Cluster, psql};
use crate::database::{check_name, quoted};
use crate::error::Error;
use crate::socket::short_name;

/// A database of one test. Dropping it drops it, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    /// The address, for sqlx and psql.
    pub url: String,
    /// The name, unique on the server.
    pub name: String,
    maintenance_url: String,
    bin_dir: std::path::PathBuf,
}

impl Cluster {
    /// The name of the template for `fingerprint`, built once per server by whoever asks first.
    ///
    /// `build` gets the address of an empty database and fills it, as by migrating; all other
    /// processes wait meanwhile. When it panics the template does not exist and the next process
    /// builds it. Anything that changes what `build` makes belongs in `fingerprint`.
    ///
    /// # Errors
    /// [`Error::Statement`] when the server refuses.
    pub fn template(&self, fingerprint: &str, build: impl FnOnce(&str)) -> Result<String, Error> {
        let name = format!("template_{}", short_name(Path::new(fingerprint)));
        let ready = self.dir.join(format!("{name}.ready"));
        if ready.exists() {
            return Ok(name);
        }
        let lock_path = self.dir.join(format!("{name}.lock"));
        let lock = File::create(&lock_path).map_err(Error::file("open", &lock_path))?;
        lock.lock().map_err(Error::file("lock", &lock_path))?;
        if !ready.exists() {
            self.build_template(&name, build)?;
            File::create(&ready).map_err(Error::file("write", &ready))?;
        }
        Ok(name)
    }

    fn build_template(&self, name: &str, build: impl FnOnce(&str)) -> Result<(), Error> {
        let draft = format!("{name}_draft");
        let quoted_draft = quoted(&draft);
        // Both can be left from a builder that was killed half-way.
        self.drop_database(&draft)?;
        self.drop_database(name)?;
        self.admin(&[&format!("create database {quoted_draft}")])?;
        build(&self.url(&draft));
        // A database somebody is connected to can neither be renamed nor cloned, and pools close
        // their connections late.
        self.admin(&[
            &format!("alter database {quoted_draft} with allow_connections false is_template true"),
            &format!(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
                 where datname = '{draft}'"
            ),
            &format!("alter database {quoted_draft} rename to {}", quoted(name)),
        ])
    }

    /// A clone of `template` under a name nobody else uses.
    ///
    /// # Errors
    /// [`Error::Statement`] when the server refuses.
    pub fn create(&self, template: &str) -> Result<Database, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        self.create_from(template, &format!("test_{}_{count}", std::process::id()))
    }

    /// A clone of `template` called `name`. A database of that name, which a killed test may have
    /// left, is dropped first.
    ///
    /// # Errors
    /// [`Error::BadName`] or [`Error::Statement`].
    pub fn create_from(&self, template: &str, name: &str) -> Result<Database, Error> {
        check_name("database", name)?;
        let drop = format!("drop database if exists {} with (force)", quoted(name));
        let create = format!(
            "create database {} template {}",
            quoted(name),
            quoted(template)
        );
        self.admin(&[&drop, &create])?;
        Ok(Database {
            url: self.url(name),
            name: name.to_owned(),
            maintenance_url: self.url("postgres"),
            bin_dir: self.bin_dir.clone(),
        })
    }

    /// Drops the database `name`, whoever is still connected; fine when it does not exist.
    ///
    /// # Errors
    /// [`Error::Statement`] when the server refuses.
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        let quoted_name = quoted(name);
        let literal = name.replace('\'', "''");
        self.admin(&[
            // A template can only be dropped once it no longer is one. `\gexec` would do it
            // conditionally, but not from `-c`; an update of no row does as well.
            &format!("update pg_database set datistemplate = false where datname = '{literal}'"),
            &format!("drop database if exists {quoted_name} with (force)"),
        ])
    }

    fn admin(&self, statements: &[&str]) -> Result<(), Error> {
        let mut all = vec!["set client_min_messages = warning"];
        all.extend(statements);
        psql::run(&self.bin_dir, &self.url("postgres"), &all).map(|_| ())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let statement = format!(
            "drop database if exists {} with (force)",
            quoted(&self.name)
        );
        // The server goes away with everything in it anyway, so a failure costs only disk space.
        if let Err(error) = psql::run(&self.bin_dir, &self.maintenance_url, &[&statement]) {
            eprintln!("could not drop the test database {}: {error}", self.name);
        }
    }
}
