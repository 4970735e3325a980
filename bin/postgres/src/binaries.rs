//! Finds the installed Postgres. Nothing is ever downloaded.

use std::path::{Path, PathBuf};

use crate::child;
use crate::environment;
use crate::error::Error;

/// The oldest major the engine's SQL is written for.
const OLDEST_MAJOR: u32 = 14;

/// Directories that hold one directory per installed version: parent, prefix of the child's name,
/// what follows below it. Debian, PGDG rpm, Alpine, Homebrew (arm, intel), Postgres.app.
const VERSIONED: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

const NIX: [&str; 2] = [
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
];

/// An installed Postgres: `postgres` and `initdb` in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// The directory with the programs, free of symbolic links.
    pub dir: PathBuf,
    /// The major version, as 17.
    pub major: u32,
    /// What `postgres --version` says, without the program's name.
    pub version: String,
}

impl Binaries {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Finds an installed Postgres.
///
/// Looks in `bin_dir` and nowhere else when it is given; otherwise in `pg_config --bindir`, the
/// search path, and where Debian, PGDG, Alpine, Homebrew, Postgres.app and Nix put it. Takes major
/// `wanted_major` when given, else the newest, at least 14.
///
/// # Errors
/// [`Error::NoBinaries`] with the line that installs it when there is none;
/// [`Error::MajorMismatch`] when only other majors than `wanted_major` are installed.
pub fn find_binaries(bin_dir: Option<&Path>, wanted_major: Option<u32>) -> Result<Binaries, Error> {
    let places = bin_dir.map_or_else(usual_places, |dir| vec![dir.to_owned()]);
    let mut found: Vec<Binaries> = Vec::new();
    for place in &places {
        if let Some(binaries) = inspect(place)
            && !found.iter().any(|known| known.dir == binaries.dir)
        {
            found.push(binaries);
        }
    }
    choose(found, wanted_major).map_err(|majors| match wanted_major {
        Some(data_major) if !majors.is_empty() => Error::MajorMismatch {
            data_dir: "the data directory".to_owned(),
            data_major,
            found: majors.join(", "),
        },
        _ => Error::NoBinaries {
            looked_in: list(&places),
            install: install_line(),
        },
    })
}

/// The best of `found`, or all majors seen when none will do.
fn choose(found: Vec<Binaries>, wanted: Option<u32>) -> Result<Binaries, Vec<String>> {
    let majors = found.iter().map(|one| one.major.to_string()).collect();
    let mut best: Option<Binaries> = None;
    for one in found {
        let usable = wanted.map_or(one.major >= OLDEST_MAJOR, |wanted| one.major == wanted);
        // Equal majors: the earlier place wins, as the person who set the search path expects.
        if usable && best.as_ref().is_none_or(|best| one.major > best.major) {
            best = Some(one);
        }
    }
    best.ok_or(majors)
}

/// What is installed in `dir`, following a symbolic link to the real place so that `psql` and the
/// server's libraries are found beside it.
fn inspect(dir: &Path) -> Option<Binaries> {
    let server = dir.join("postgres").canonicalize().ok()?;
    let dir = server.parent()?.to_owned();
    if !dir.join("initdb").is_file() {
        return None;
    }
    let output = child::clean_command(&server)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", or "17beta1" before a release.
    let version = text
        .trim()
        .strip_prefix("postgres (PostgreSQL) ")?
        .to_owned();
    let digits = version
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?;
    Some(Binaries {
        dir,
        major: digits.parse().ok()?,
        version,
    })
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    places.extend(from_pg_config());
    places.extend(environment::search_path());
    for (parent, prefix, below) in VERSIONED {
        places.extend(versioned(Path::new(parent), prefix, below));
    }
    places.extend(environment::home().map(|home| home.join(".nix-profile/bin")));
    places.extend(NIX.map(PathBuf::from));
    places
}

fn from_pg_config() -> Option<PathBuf> {
    let program = environment::search_path()
        .into_iter()
        .map(|dir| dir.join("pg_config"))
        .find(|program| program.is_file())?;
    let output = child::clean_command(&program)
        .arg("--bindir")
        .output()
        .ok()?;
    let dir = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(dir.trim())).filter(|dir| dir.is_absolute())
}

fn versioned(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut places: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(below))
        .collect();
    places.sort();
    places
}

fn list(places: &[PathBuf]) -> String {
    let mut seen: Vec<String> = Vec::new();
    for place in places {
        let place = place.display().to_string();
        if !seen.contains(&place) {
            seen.push(place);
        }
    }
    seen.join(", ")
}

/// The command that installs Postgres on this machine.
fn install_line() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    install_line_for(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
}

fn install_line_for(os_release: &str) -> &'static str {
    const LINES: [(&str, &str); 8] = [
        ("debian", "apt install postgresql"),
        ("ubuntu", "apt install postgresql"),
        ("fedora", "dnf install postgresql-server"),
        ("rhel", "dnf install postgresql-server"),
        ("alpine", "apk add postgresql"),
        ("arch", "pacman -S postgresql"),
        ("suse", "zypper install postgresql-server"),
        ("nixos", "nix profile install nixpkgs#postgresql"),
    ];
    let names: Vec<&str> = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")))
        .flat_map(|names| names.trim_matches('"').split_whitespace())
        .collect();
    let known = LINES
        .iter()
        .find(|(name, _)| names.iter().any(|it| it == name));
    known.map_or("your package manager's postgresql package", |(_, line)| {
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(major: u32, dir: &str) -> Binaries {
        Binaries {
            dir: PathBuf::from(dir),
            major,
            version: major.to_string(),
        }
    }

    #[test]
    fn the_wanted_major_wins_then_the_newest_then_the_first() {
        let installed = || vec![of(13, "/a"), of(15, "/b"), of(17, "/c"), of(17, "/d")];

        let dir = |wanted| choose(installed(), wanted).map(|one| one.dir);

        assert_eq!(dir(Some(15)), Ok(PathBuf::from("/b")));
        assert_eq!(dir(None), Ok(PathBuf::from("/c")));
        assert!(dir(Some(16)).is_err());
        assert!(choose(vec![of(13, "/a")], None).is_err());
    }

    #[test]
    fn the_install_line_fits_the_system() {
        let line = install_line_for;

        assert_eq!(line("ID=debian\n"), "apt install postgresql");
        assert_eq!(
            line("ID=rocky\nID_LIKE=\"rhel fedora\"\n"),
            "dnf install postgresql-server"
        );
        assert_eq!(line("ID=alpine\n"), "apk add postgresql");
        assert_eq!(line(""), "your package manager's postgresql package");
    }
}
