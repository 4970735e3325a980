//! Opaque ids made like the vendor's: `SoundZone,,1nskvumuww0/Location,,…/Account,,…/` in base64
//! with `.` for `=`. A client must never parse them; that they embed their parents is a trap here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::entropy::Entropy;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A new id of the given `kind`, embedding the path of `parent` when there is one.
pub(crate) fn mint(entropy: &mut Entropy, kind: &str, parent: Option<&str>) -> String {
    let path = parent.and_then(decode).unwrap_or_default();
    encode(&format!("{kind},,{}/{path}", serial(entropy)))
}

/// The kind an id names, such as `SoundZone`; `None` if it is no id at all.
pub(crate) fn kind(id: &str) -> Option<String> {
    let path = decode(id)?;
    let (kind, _) = path.split_once(",,")?;
    Some(kind.to_owned())
}

/// The own serial and the rest of the path change places with a new parent, the serial stays.
pub(crate) fn reparent(id: &str, parent: &str) -> Option<String> {
    let path = decode(id)?;
    let (own, _) = path.split_once('/')?;
    Some(encode(&format!("{own}/{}", decode(parent)?)))
}

fn serial(entropy: &mut Entropy) -> String {
    let tail = (0..10).map(|_| char::from(*entropy.pick(ALPHABET)));
    std::iter::once('1').chain(tail).collect()
}

fn encode(path: &str) -> String {
    STANDARD.encode(path).replace('=', ".")
}

fn decode(id: &str) -> Option<String> {
    let bytes = STANDARD.decode(id.replace('.', "=")).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_sheet_is_one_of_ours() {
        let id = "QWNjb3VudCwsMXN4N242NTZyeTgv";

        assert_eq!(decode(id).as_deref(), Some("Account,,1sx7n656ry8/"));
        assert_eq!(encode("Account,,1sx7n656ry8/"), id);
        assert_eq!(kind(id).as_deref(), Some("Account"));
    }

    #[test]
    fn a_zone_id_embeds_its_location_and_account() {
        let entropy = &mut Entropy::seeded(1);
        let account = mint(entropy, "Account", None);
        let location = mint(entropy, "Location", Some(&account));

        let zone = mint(entropy, "SoundZone", Some(&location));

        let path = decode(&zone).unwrap();
        assert!(path.starts_with("SoundZone,,1"), "{path}");
        assert!(path.ends_with(&decode(&location).unwrap()), "{path}");
        assert!(path.ends_with(&decode(&account).unwrap()), "{path}");
        assert!(!zone.contains('='));
    }
}
