//! The hash by which the CRM knows a customer.

use std::fmt::Write;

use md5::{Digest, Md5};

/// `md5(lower(trim(name)) || '::' || digits of the phone)`, as the CRM makes it (sheet section 5). It
/// moves with the name and the number, and people of one name without a number share it: a way to
/// find a customer, and no identity.
#[must_use]
pub fn stable_hash(name: &str, phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    // Postgres trims blanks only, and not line ends.
    let name = name.trim_matches(' ').to_lowercase();
    let mut text = String::with_capacity(32);
    for byte in Md5::digest(format!("{name}::{digits}")) {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_lower_name_and_the_digits() {
        // printf 'ada fairway::0812345678' | md5sum
        let known = "df8be37d073c4ef1fdb15bd027864596";

        assert_eq!(stable_hash("  Ada Fairway ", "081-234-5678"), known);
        assert_eq!(stable_hash("ADA FAIRWAY", "(081) 2345678"), known);
        assert_ne!(stable_hash("Ada Fairway", "+66 812345678"), known);
        assert_ne!(stable_hash("Ada  Fairway", "0812345678"), known);
    }
}
