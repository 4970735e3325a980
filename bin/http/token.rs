//! API tokens: `lockstep_<id>_<secret>_<crc>`.
//!
//! The secret is 256 bits of the system's chance, so one fast hash keeps it as well as a slow one
//! would; only that hash is stored. The checksum lets secret scanners, and us, tell a token from a
//! mistyped one without asking the database.

use std::time::Duration;

use engine::{Actor, Error, NewToken};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::api::DryRun;
use crate::audited::Asked;

/// How long a token lives unless its maker says otherwise (research: at most 90 days by default).
pub const DEFAULT_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a token may do, with what it means. `admin` is all of them.
pub const SCOPES: &[(&str, &str)] = &[
    (
        "jobs:read",
        "read jobs, queues, kinds, schedules, workers and alerts",
    ),
    (
        "jobs:write",
        "enqueue, cancel, retry, run again and delete jobs",
    ),
    (
        "queues:write",
        "pause and resume queues and kinds, change budgets and breakers",
    ),
    ("schedules:write", "run, pause and resume schedules"),
    (
        "companies:read",
        "read companies, zones, products and what syncs left to people",
    ),
    (
        "companies:write",
        "create and change companies, decide on what syncs left to people",
    ),
    (
        "connections:read",
        "read connections and where their credentials come from",
    ),
    ("connections:write", "try, pause and resume connections"),
    (
        "credentials:write",
        "give connections other credentials and change keys",
    ),
    (
        "crm:read",
        "read how records that are synced with a CRM stand, conflicts, journal and mappings",
    ),
    (
        "crm:write",
        "tell of meetings, propose how to settle conflicts, have failed records looked at again",
    ),
    (
        "crm:approve",
        "settle conflicts, approve and decline proposals, undo, pair records, set mappings",
    ),
    ("sync:run", "start syncs and wait for them"),
    (
        "tokens:admin",
        "make, list and revoke tokens of its own scopes",
    ),
    ("admin", "everything, and the audit trail"),
];

const PREFIX: &str = "lockstep";
const ID_LENGTH: usize = 12;
/// 43 letters out of 62 hold 256.03 bits.
const SECRET_LENGTH: usize = 43;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token. The secret is in `token` and nowhere else.
#[derive(Debug)]
pub struct Minted {
    /// The public part, by which it is listed and revoked.
    pub id: String,
    /// What the caller sends as its bearer.
    pub token: SecretString,
}

/// Makes and stores a token; `valid_for` of none is for ever.
///
/// # Errors
/// [`Error::Invalid`] for a bad name, scope or life; [`Error::Database`].
pub async fn mint(
    client: &engine::Client,
    name: &str,
    scopes: &[String],
    valid_for: Option<Duration>,
    actor: &Actor,
) -> Result<Minted, Error> {
    check(name, scopes, valid_for)?;
    let (id, secret) = (letters(ID_LENGTH), letters(SECRET_LENGTH));
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let new = NewToken {
        id: id.clone(),
        name: name.to_owned(),
        secret_hash: hash(&secret),
        scopes,
        created_by: actor.name.clone(),
        valid_for,
    };
    client.create_token(new, actor).await?;
    let body = format!("{PREFIX}_{id}_{secret}");
    let token = format!("{body}_{:08x}", crc32(body.as_bytes())).into();
    Ok(Minted { id, token })
}

/// Refuses a token that cannot be made, before it is made.
///
/// # Errors
/// [`Error::Invalid`] for a bad name, scope or life.
pub(crate) fn check(
    name: &str,
    scopes: &[String],
    valid_for: Option<Duration>,
) -> Result<(), Error> {
    if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "name: expected 1 to 100 bytes without control characters".into(),
        ));
    }
    if scopes.is_empty() {
        return Err(Error::Invalid("scopes: expected at least one".into()));
    }
    if let Some(unknown) = scopes
        .iter()
        .find(|scope| !SCOPES.iter().any(|known| known.0 == scope.as_str()))
    {
        let known: Vec<_> = SCOPES.iter().map(|scope| scope.0).collect();
        return Err(Error::Invalid(format!(
            "scopes: {unknown:?} is none of {}",
            known.join(", ")
        )));
    }
    let century = Duration::from_secs(100 * 366 * 24 * 3600);
    if valid_for.is_some_and(|life| life < Duration::from_secs(1) || life > century) {
        return Err(Error::Invalid(
            "how long it lives: expected a second to a hundred years".into(),
        ));
    }
    Ok(())
}

/// Who holds a token, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's public part.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    /// Of the request that brought the token, for the audit trail.
    pub(crate) request_id: String,
}

impl Caller {
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes
            .iter()
            .any(|held| held == scope || held == "admin")
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::new(&self.name, "http")
    }

    /// A change that this caller asks for.
    pub(super) fn asked(&self, dry: &DryRun) -> Asked {
        Asked {
            by: self.actor(),
            aside: Some(("request_id", self.request_id.clone())),
            dry_run: dry.dry_run,
        }
    }
}

/// The caller that presents this text, if it is a token that may be used now.
pub(crate) async fn identify(
    client: &engine::Client,
    presented: &SecretString,
) -> Result<Option<Caller>, Error> {
    let Some((id, secret)) = parts(presented.expose_secret()) else {
        return Ok(None);
    };
    let found = client.find_token(id).await?;
    let hash = hash(secret);
    // An unknown id takes as long as a wrong secret.
    let stored = found
        .as_ref()
        .map_or_else(|| vec![0; hash.len()], |token| token.secret_hash.clone());
    let same = bool::from(stored.ct_eq(&hash));
    Ok(found.filter(|_| same).map(|token| Caller {
        id: id.to_owned(),
        name: token.name,
        scopes: token.scopes,
        request_id: String::new(),
    }))
}

/// True for a text that could be a token: its checksum is right.
pub(crate) fn is_sound(presented: &SecretString) -> bool {
    parts(presented.expose_secret()).is_some()
}

/// Id and secret of a well-formed token.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (body, crc) = text.rsplit_once('_')?;
    let (id, secret) = body
        .strip_prefix(PREFIX)?
        .strip_prefix('_')?
        .split_once('_')?;
    let of_letters =
        |part: &str, length| part.len() == length && part.bytes().all(|b| LETTERS.contains(&b));
    let sound = of_letters(id, ID_LENGTH)
        && of_letters(secret, SECRET_LENGTH)
        && format!("{:08x}", crc32(body.as_bytes())) == crc;
    sound.then_some((id, secret))
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Letters drawn evenly: bytes of 248 and more are thrown away, since 248 is four times 62.
fn letters(count: usize) -> String {
    let mut text = String::with_capacity(count);
    let mut bytes = [0u8; 64];
    while text.len() < count {
        getrandom::fill(&mut bytes).expect("the operating system has chance to give");
        let drawn = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(LETTERS[usize::from(byte % 62)]));
        text.extend(drawn.take(count - text.len()));
    }
    text
}

/// CRC-32 of ISO-HDLC, as in zip and PNG. Bit by bit: it sees sixty bytes a request.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_token_with_one_letter_changed_is_no_token() {
        let body = format!("lockstep_{}_{}", letters(ID_LENGTH), letters(SECRET_LENGTH));
        let token = format!("{body}_{:08x}", crc32(body.as_bytes()));

        assert!(parts(&token).is_some());
        for at in 0..token.len() {
            let mut wrong = token.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            let wrong = String::from_utf8(wrong).expect("ascii");
            assert!(parts(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn tokens_do_not_repeat_and_use_every_letter() {
        let all: String = (0..200).map(|_| letters(SECRET_LENGTH)).collect();

        assert!(
            LETTERS
                .iter()
                .all(|letter| all.contains(char::from(*letter)))
        );
        assert_ne!(letters(SECRET_LENGTH), letters(SECRET_LENGTH));
    }

    #[test]
    fn a_token_that_could_do_nothing_or_never_ends_by_mistake_is_refused() {
        let read = ["jobs:read".to_owned()];

        assert!(check("ops", &read, Some(DEFAULT_LIFE)).is_ok());
        assert!(check("", &read, None).is_err());
        assert!(check("ops", &[], None).is_err());
        assert!(check("ops", &["jobs:wirte".to_owned()], None).is_err());
        assert!(check("ops", &read, Some(Duration::ZERO)).is_err());
        assert!(check("ops", &read, Some(Duration::MAX)).is_err());
    }
}
