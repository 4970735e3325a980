//! Proxies that are trusted to say whom they speak for. `X-Forwarded-For` is read from its end, where
//! the nearest proxy has written, and only as long as trusted ones have: whoever is not can write what they
//! like before it, and it counts for nothing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;

use super::FrontState;
use super::rate::Peer;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are followed.
const MOST_HOPS: usize = 20;

/// A block of addresses, as `10.0.0.0/8` or `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix: u8,
}

/// A text that is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a block of them, as 10.0.0.0/8")]
pub struct BadCidr;

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Cidr, BadCidr> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| BadCidr)?;
        let whole = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| BadCidr)?,
            None => whole,
        };
        // What is beyond the prefix is a mistake in one of the two.
        let is_block = prefix <= whole && masked(base, prefix) == bits(base);
        is_block.then_some(Cidr { base, prefix }).ok_or(BadCidr)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl Cidr {
    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.base.is_ipv4() && masked(address, self.prefix) == bits(self.base)
    }
}

/// The address as a number, an IPv4 one in the highest bits.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(address: IpAddr, prefix: u8) -> u128 {
    let mask = match prefix {
        0 => 0,
        some => u128::MAX << (128 - u32::from(some)),
    };
    bits(address) & mask
}

/// Puts the address of the client in place of its proxy's.
pub(crate) async fn see_through(
    State(front): State<FrontState>,
    mut request: Request,
    next: Next,
) -> Response {
    let trusted = &front.options.trusted_proxies;
    if let Some(Peer(peer)) = request.extensions().get().copied()
        && !trusted.is_empty()
    {
        let client = client(peer, request.headers(), trusted);
        request.extensions_mut().insert(Peer(client));
    }
    next.run(request).await
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|block| block.contains(address));
    let mut address = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops.take(MOST_HOPS) {
        if !is_trusted(address) {
            break;
        }
        // A trusted proxy that writes nonsense speaks for itself.
        let Ok(before) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        address = before.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_block_is_read_and_nonsense_is_not() {
        for good in [
            "10.0.0.0/8",
            "192.0.2.7",
            "::1",
            "2001:db8::/32",
            "0.0.0.0/0",
        ] {
            assert!(good.parse::<Cidr>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "2001:db8::/129",
            "proxy",
            "10.0.0.0/x",
        ] {
            assert_eq!(bad.parse::<Cidr>(), Err(BadCidr), "{bad}");
        }
    }

    #[test]
    fn the_client_is_the_last_whom_a_trusted_proxy_names() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|block| block.parse().expect("a block"));
        let table: &[(&str, &[&str], &str)] = &[
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            // What stands before the first stranger is that stranger's word.
            (
                "10.0.0.1",
                &["10.0.0.9, 192.0.2.1, 198.51.100.7"],
                "198.51.100.7",
            ),
            ("10.0.0.1", &["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            ("203.0.113.5", &["198.51.100.7"], "203.0.113.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.2"], "10.0.0.2"),
            (
                "::ffff:10.0.0.1",
                &["2001:db8::1, ::ffff:192.0.2.1"],
                "192.0.2.1",
            ),
        ];
        for (peer, lines, expected) in table {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }

            let found = client(peer.parse().expect("an address"), &headers, &trusted);

            assert_eq!(found.to_string(), *expected, "{peer} {lines:?}");
        }
    }
}
