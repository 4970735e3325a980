//! Principal: by which grant a listing was seen. Another one may see less of it.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;

use super::{Connections, Given};
use crate::{Error, store};

/// More versions of a connection's secrets than this are never written.
const VERSIONS: u32 = 24;

impl Connections {
    /// Another number is another set of secrets: of those in the database their versions, of those that are
    /// kept elsewhere a mark.
    pub(crate) async fn principal(
        &self,
        conn: &mut PgConnection,
        name: &str,
    ) -> Result<i64, Error> {
        let versions = store::secret::generation(conn, name).await?;
        let declared = self.0.declared.iter().find(|one| one.name == name);
        let mark = declared.map_or(0, |one| mark(&one.given));
        Ok((i64::from(mark) << VERSIONS) + versions)
    }
}

/// Tells two sets of secrets apart, and is too short to tell anything of either. Zero is none at all.
fn mark(given: &BTreeMap<&'static str, Given>) -> u32 {
    let mut digest = Sha256::new();
    let mut is_any = false;
    for (field, one) in given {
        let Some(secret) = &one.secret else { continue };
        is_any = true;
        for part in [field.as_bytes(), secret.expose_secret().as_bytes()] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
    }
    let hash = digest.finalize();
    match is_any {
        true => u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(all: &[(&'static str, Option<&str>)]) -> u32 {
        let one = |secret: &Option<&str>| Given {
            origin: "a variable".to_owned(),
            secret: secret.map(Into::into),
        };
        mark(
            &all.iter()
                .map(|(field, secret)| (*field, one(secret)))
                .collect(),
        )
    }

    #[test]
    fn another_secret_in_the_environment_is_another_principal() {
        let first = given(&[("token", Some("a-token"))]);

        assert_eq!(first, given(&[("token", Some("a-token"))]));
        assert_ne!(first, given(&[("token", Some("b-token"))]));
        assert_ne!(first, 0);
        assert_ne!(
            given(&[("id", Some("ab")), ("secret", Some("c"))]),
            given(&[("id", Some("a")), ("secret", Some("bc"))])
        );
    }

    #[test]
    fn what_was_not_given_is_no_principal() {
        assert_eq!(given(&[]), 0);
        assert_eq!(given(&[("token", None)]), 0);
    }
}
