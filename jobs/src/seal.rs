//! Sealing: how credentials lie in the database, so that a dump, a backup or a copied row gives nothing away.
//!
//! Every value has a data key of its own, which is wrapped by one of the keys that the process was given
//! (an envelope), both by XChaCha20-Poly1305 with nonces of the system's chance. What is bound into either
//! is the place where it lies: a row that is copied to another connection, field or version does not
//! open. To change keys, only the wrapping is done again; the value itself is not read.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};

const NONCE: usize = 24;
const KEY: usize = 32;
/// Parts this use of a key from any other, and this form from later ones.
const VALUE: &str = "lockstep credential value 1";
const WRAPPING: &str = "lockstep credential key 1";
const PROOF: &str = "lockstep credential proof 1";

/// The keys of a process. The first seals; all of them open.
#[derive(Clone)]
pub struct Keyring(Arc<Vec<SealingKey>>);

struct SealingKey {
    id: String,
    bytes: SecretBox<[u8; KEY]>,
}

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) connection: &'a str,
    pub(crate) field: &'a str,
    pub(crate) version: i64,
}

/// A value as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Whose key wraps the data key.
    pub(crate) key_id: String,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// Why a value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// The process was not given the key.
    NoKey,
    /// The key of that id is another one, or the row was changed or copied from elsewhere.
    Broken,
}

impl Keyring {
    /// Reads keys, one a line (or parted by commas, for a variable): `2026-11:` and 64 hexadecimal digits. Blank
    /// lines and those that begin with `#` are passed over. The first key seals what is new.
    ///
    /// # Errors
    /// What is wrong with which line, without showing it.
    pub fn parse(text: &str) -> Result<Keyring, String> {
        let mut keys: Vec<SealingKey> = Vec::new();
        for (nth, line) in text.split(['\n', ',']).enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let nth = nth + 1;
            let key = read_key(line).ok_or_else(|| {
                format!("key {nth}: expected a name, `:` and 64 hexadecimal digits")
            })?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(format!("key {nth}: a key is named {:?} already", key.id));
            }
            keys.push(key);
        }
        match keys.is_empty() {
            true => Err("there is no key in it".to_owned()),
            false => Ok(Keyring(Arc::new(keys))),
        }
    }

    /// A line with a new key, for a key file.
    ///
    /// # Panics
    /// When the operating system has no chance to give.
    #[must_use]
    pub fn new_line(id: &str) -> SecretString {
        use fmt::Write as _;
        let mut line = format!("{id}:");
        for byte in chance::<KEY>().iter() {
            // Writing to a string does not fail.
            let _ = write!(line, "{byte:02x}");
        }
        SecretString::from(line)
    }

    /// The id of the key that seals what is new.
    #[must_use]
    pub fn current(&self) -> &str {
        &self.0[0].id
    }

    /// The ids of all keys, the current first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(|key| key.id.clone()).collect()
    }

    pub(crate) fn seal(&self, place: Place<'_>, value: &SecretString) -> Sealed {
        let key = &self.0[0];
        let data_key = chance::<KEY>();
        Sealed {
            key_id: key.id.clone(),
            wrapped_key: lock(
                key.bytes.expose_secret(),
                &bound(WRAPPING, place, &key.id),
                &*data_key,
            ),
            value: lock(
                &data_key,
                &bound(VALUE, place, ""),
                value.expose_secret().as_bytes(),
            ),
        }
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, Shut> {
        let data_key = self.unwrap(place, sealed)?;
        let value = unlock(&data_key, &bound(VALUE, place, ""), &sealed.value);
        let value = value.ok_or(Shut::Broken)?;
        let text = std::str::from_utf8(&value).map_err(|_| Shut::Broken)?;
        Ok(SecretString::from(text))
    }

    /// The same value, its data key wrapped by the current key.
    pub(crate) fn rewrap(&self, place: Place<'_>, sealed: &Sealed) -> Result<Sealed, Shut> {
        let data_key = self.unwrap(place, sealed)?;
        // A row that does not open is not made to look sound.
        unlock(&data_key, &bound(VALUE, place, ""), &sealed.value).ok_or(Shut::Broken)?;
        let key = &self.0[0];
        Ok(Sealed {
            key_id: key.id.clone(),
            wrapped_key: lock(
                key.bytes.expose_secret(),
                &bound(WRAPPING, place, &key.id),
                &*data_key,
            ),
            value: sealed.value.clone(),
        })
    }

    /// What shows later that a key of the current id is this very key.
    pub(crate) fn proof(&self) -> Vec<u8> {
        let key = &self.0[0];
        lock(
            key.bytes.expose_secret(),
            &bound_proof(&key.id),
            PROOF.as_bytes(),
        )
    }

    /// Whether the key of that id made the proof.
    pub(crate) fn proves(&self, id: &str, proof: &[u8]) -> Result<(), Shut> {
        let key = self.key(id).ok_or(Shut::NoKey)?;
        let opened = unlock(key.bytes.expose_secret(), &bound_proof(id), proof);
        opened.map(drop).ok_or(Shut::Broken)
    }

    fn key(&self, id: &str) -> Option<&SealingKey> {
        self.0.iter().find(|key| key.id == id)
    }

    fn unwrap(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<[u8; KEY]>, Shut> {
        let key = self.key(&sealed.key_id).ok_or(Shut::NoKey)?;
        let aad = bound(WRAPPING, place, &key.id);
        let opened = unlock(key.bytes.expose_secret(), &aad, &sealed.wrapped_key);
        let opened = opened.ok_or(Shut::Broken)?;
        let bytes = <[u8; KEY]>::try_from(opened.as_slice()).map_err(|_| Shut::Broken)?;
        Ok(Zeroizing::new(bytes))
    }
}

/// The ids of keys are no secret; all else is.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| &key.id))
            .finish()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The first four and the last two characters of a secret that is long enough for the rest to guard it; of
/// one with fewer than twenty nothing.
#[must_use]
pub fn shown(secret: &SecretString) -> String {
    let chars: Vec<char> = secret.expose_secret().chars().collect();
    if chars.len() < 20 || !chars.iter().all(char::is_ascii_graphic) {
        return "(hidden)".to_owned();
    }
    let first: String = chars[..4].iter().collect();
    let last: String = chars[chars.len() - 2..].iter().collect();
    format!("{first}…{last}")
}

/// Whether a key may be named so: 1 to 32 letters, digits, dots, dashes and underscores.
#[must_use]
pub fn is_key_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=32).contains(&text.len()) && text.chars().all(plain)
}

fn read_key(line: &str) -> Option<SealingKey> {
    let (id, digits) = line.split_once(':')?;
    let (id, digits) = (id.trim(), digits.trim());
    if !is_key_id(id) || digits.len() != KEY * 2 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY]);
    for (nth, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[nth * 2..nth * 2 + 2], 16).ok()?;
    }
    Some(SealingKey {
        id: id.to_owned(),
        bytes: SecretBox::new(Box::new(*bytes)),
    })
}

/// Each part with its length before it, so that no two places look the same.
fn bound(what: &str, place: Place<'_>, key_id: &str) -> Vec<u8> {
    let mut aad = Vec::new();
    for part in [what, place.connection, place.field, key_id] {
        aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
        aad.extend_from_slice(part.as_bytes());
    }
    aad.extend_from_slice(&place.version.to_be_bytes());
    aad
}

fn bound_proof(key_id: &str) -> Vec<u8> {
    let nowhere = Place {
        connection: "",
        field: "",
        version: 0,
    };
    bound(PROOF, nowhere, key_id)
}

/// The nonce, then the sealed bytes with their tag. 24 bytes of chance never meet again.
fn lock(key: &[u8; KEY], aad: &[u8], bytes: &[u8]) -> Vec<u8> {
    let nonce = chance::<NONCE>();
    let cipher = XChaCha20Poly1305::new(key.into());
    let sealed = cipher
        .encrypt(&XNonce::from(*nonce), Payload { msg: bytes, aad })
        .expect("a credential is shorter than the cipher's 256 GiB");
    [nonce.as_slice(), &sealed].concat()
}

fn unlock(key: &[u8; KEY], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let opened = cipher.decrypt(&XNonce::from(*nonce), Payload { msg, aad });
    opened.ok().map(Zeroizing::new)
}

fn chance<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).expect("the operating system has chance to give");
    bytes
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
