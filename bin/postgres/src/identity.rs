//! Who the server runs as. Postgres refuses root, so as root the children, and only they, change.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::Error;
use crate::sys;

const DEFAULT_USER: &str = "postgres";

/// Who this process runs as: the passwd name of its effective user, or `uid:1000` when that has none.
pub fn own_name() -> String {
    name_of(sys::effective_uid())
}

fn name_of(uid: u32) -> String {
    match sys::user_by_id(uid) {
        Ok(Some(user)) if !user.name.is_empty() => user.name,
        // No entry, or nobody to ask: a number is still an answer.
        _ => format!("uid:{uid}"),
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    gid: u32,
    /// The passwd name, or the number when it has none.
    pub(crate) name: String,
    named: bool,
    switches: bool,
}

impl Identity {
    /// Decides who the children are: ourselves, or as root `run_as` or `postgres`. Never somebody
    /// chosen silently, such as `nobody`, whose files other services can touch.
    pub(crate) fn resolve(run_as: Option<&str>) -> Result<Self, Error> {
        let ourselves = sys::effective_uid();
        if ourselves == 0 {
            return Self::for_root(run_as.unwrap_or(DEFAULT_USER));
        }
        let user = sys::user_by_id(ourselves).map_err(|source| Error::Lookup {
            user: ourselves.to_string(),
            source,
        })?;
        if let Some(wanted) = run_as
            && user.as_ref().is_none_or(|user| user.name != wanted)
        {
            return Err(Error::CannotSwitchUser {
                name: wanted.to_owned(),
            });
        }
        Ok(Self {
            uid: ourselves,
            gid: sys::effective_gid(),
            named: user.is_some(),
            name: user.map_or_else(|| ourselves.to_string(), |user| user.name),
            switches: false,
        })
    }

    fn for_root(name: &str) -> Result<Self, Error> {
        let user = sys::user_by_name(name).map_err(|source| Error::Lookup {
            user: name.to_owned(),
            source,
        })?;
        match user {
            None => Err(Error::NoSuchUser {
                name: name.to_owned(),
            }),
            Some(user) if user.uid == 0 => Err(Error::UserIsRoot),
            Some(user) => Ok(Self {
                uid: user.uid,
                gid: user.gid,
                name: user.name,
                named: true,
                switches: true,
            }),
        }
    }

    /// Makes `command` run as this user. The standard library drops root's supplementary groups.
    pub(crate) fn apply(&self, command: &mut Command) {
        if self.switches {
            command.gid(self.gid).uid(self.uid);
        }
    }

    /// Gives `path` to this user.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        if self.switches {
            chown(path, Some(self.uid), Some(self.gid))
                .map_err(Error::file("change the owner of", path))?;
        }
        Ok(())
    }

    /// Refuses data of somebody else, with a better message than Postgres has.
    pub(crate) fn must_own(&self, path: &Path) -> Result<(), Error> {
        let owner = std::fs::metadata(path)
            .map_err(Error::file("read", path))?
            .uid();
        if owner == self.uid {
            return Ok(());
        }
        Err(Error::WrongOwner {
            path: path.to_owned(),
            owner,
            wanted: self.name.clone(),
        })
    }

    /// `initdb` looks up the name of its user and fails without one; a server does not.
    pub(crate) fn must_have_a_name(&self) -> Result<(), Error> {
        if self.named {
            return Ok(());
        }
        Err(Error::NoPasswdEntry { uid: self.uid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_goes_by_its_name_and_without_one_by_its_number() {
        assert_eq!(name_of(0), "root");
        assert_eq!(name_of(3_999_999_999), "uid:3999999999");
    }
}
