//! How often: each token, and each address that shows none, may ask so many times a minute. The count
//! is this process's own; it is there to keep one caller from taking all there is, not to bill.
//!
//! The algorithm (GCRA) lets a whole minute's worth pass at once and gives it back evenly. Callers are
//! told where they stand as draft-ietf-httpapi-ratelimit-headers-11 has it.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::problem::{Problem, RATE_LIMITED};
use super::{FrontOptions, FrontState};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Callers that are remembered at a time. Whoever comes when so many have asked within the last
/// minute shares one allowance with all others that come then: memory stays bounded, and a crowd of
/// addresses gets no more than one of them would.
const MOST_KEYS: usize = 10_000;
/// How many more tokens than requests without one an address may try: those behind one proxy who show
/// theirs for the first time are not many.
const LOOKUPS: u32 = 10;
/// A sweep reads every key, so a crowd must not cause one with each request.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The address a request comes from: the proxy's, unless that is trusted to say whom it speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The limits of this process; none is no limit.
pub(crate) struct Rates {
    tokens: Option<Limit<String>>,
    strangers: Option<Limit<IpAddr>>,
    lookups: Option<Limit<IpAddr>>,
}

impl Rates {
    pub(crate) fn new(options: &FrontOptions) -> Rates {
        let some = NonZeroU32::new;
        let tokens = some(options.requests_per_minute)
            .map(|most| Limit::new("token", most, String::new(), DefaultClock::default()));
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let strangers = some(options.anonymous_requests_per_minute)
            .map(|most| Limit::new("address", most, nobody, DefaultClock::default()));
        let lookups = some(
            options
                .anonymous_requests_per_minute
                .saturating_mul(LOOKUPS),
        )
        .map(|most| Limit::new("address", most, nobody, DefaultClock::default()));
        Rates {
            tokens,
            strangers,
            lookups,
        }
    }

    /// Counts a request with this token.
    pub(crate) fn token(&self, id: &str) -> Result<Option<Standing>, Problem> {
        let counted = self.tokens.as_ref().map(|limit| limit.count(id.to_owned()));
        counted.transpose()
    }

    /// Counts a look for a token that was not seen before, which costs the database a question.
    pub(crate) fn lookup(&self, peer: Option<Peer>) -> Result<(), Problem> {
        let counted = self.lookups.as_ref().map(|limit| limit.count(holder(peer)));
        counted.transpose().map(|_| ())
    }

    /// Counts a request without a token that opens anything.
    pub(crate) fn stranger(&self, peer: Option<Peer>) -> Result<Option<Standing>, Problem> {
        let counted = self
            .strangers
            .as_ref()
            .map(|limit| limit.count(holder(peer)));
        counted.transpose()
    }
}

fn holder(peer: Option<Peer>) -> IpAddr {
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| network(peer.0))
}

/// What one caller holds: an IPv4 address, or the /64 that an IPv6 host takes its addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Where a caller stands, for the headers of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    name: &'static str,
    most: NonZeroU32,
    left: u32,
}

impl Standing {
    /// `RateLimit-Policy`: so many (q) in so many seconds (w). `RateLimit`: so many are left (r), and
    /// in so many seconds (t) all of them are.
    pub(crate) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let (name, most, left) = (self.name, u64::from(self.most.get()), u64::from(self.left));
        let whole_in = (most.saturating_sub(left) * 60).div_ceil(most);
        let lines = [
            (POLICY, format!("\"{name}\";q={most};w=60")),
            (LIMIT, format!("\"{name}\";r={left};t={whole_in}")),
        ];
        let headers = lines.into_iter();
        headers
            .filter_map(|(name, line)| Some((name, HeaderValue::try_from(line).ok()?)))
            .collect()
    }
}

type Keys<K, C> = RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>;

/// One allowance for each key.
struct Limit<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    name: &'static str,
    most: NonZeroU32,
    keys: Keys<K, C>,
    /// Stands for every key there is no room for.
    crowd: K,
    swept_at: Mutex<Option<Instant>>,
}

impl<K: Hash + Eq + Clone, C: Clock> Limit<K, C> {
    fn new(name: &'static str, most: NonZeroU32, crowd: K, clock: C) -> Limit<K, C> {
        let keys = RateLimiter::hashmap_with_clock(Quota::per_minute(most), clock);
        Limit {
            name,
            most,
            keys: keys.with_middleware(),
            crowd,
            swept_at: Mutex::new(None),
        }
    }

    fn count(&self, key: K) -> Result<Standing, Problem> {
        let key = if self.has_room() {
            key
        } else {
            self.crowd.clone()
        };
        let standing = |left| Standing {
            name: self.name,
            most: self.most,
            left,
        };
        let until = match self.keys.check_key(&key) {
            Ok(state) => return Ok(standing(state.remaining_burst_capacity())),
            Err(until) => until,
        };
        let wait = until.wait_time_from(self.keys.clock().now());
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(60);
        let detail = format!(
            "more than {} requests a minute of one {}",
            self.most, self.name
        );
        let problem = Problem::new(RATE_LIMITED, detail).retry_after(seconds.max(1));
        let headers = standing(0).headers().into_iter();
        Err(headers.fold(problem, |problem, (name, value)| {
            problem.with_header(name, value)
        }))
    }

    /// Forgets the keys that have their whole allowance back, when there are too many.
    fn has_room(&self) -> bool {
        if self.keys.len() < MOST_KEYS {
            return true;
        }
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        if swept_at.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
            self.keys.retain_recent();
            *swept_at = Some(Instant::now());
        }
        self.keys.len() < MOST_KEYS
    }
}

/// Counts whoever asks for what is open to everybody.
pub(crate) async fn strangers(
    State(front): State<FrontState>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match front.rates.stranger(peer) {
        Ok(standing) => told(next.run(request).await, standing),
        Err(problem) => problem.into_response(),
    }
}

/// The answer, with where its caller stands. The headers themselves are written last of all, when
/// problems have been.
pub(crate) fn told(mut response: Response, standing: Option<Standing>) -> Response {
    if let Some(standing) = standing {
        response.extensions_mut().insert(standing);
    }
    response
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(most: u32, clock: &FakeRelativeClock) -> Limit<u32, FakeRelativeClock> {
        let most = NonZeroU32::new(most).expect("some");
        Limit::new("address", most, u32::MAX, clock.clone())
    }

    fn lines(headers: &[(HeaderName, HeaderValue)]) -> Vec<&str> {
        let lines = headers.iter();
        lines
            .map(|(_, value)| value.to_str().expect("ascii"))
            .collect()
    }

    #[test]
    fn a_minutes_worth_passes_at_once_and_comes_back_evenly() {
        let clock = FakeRelativeClock::default();
        let limit = limit(3, &clock);
        let left = |key| limit.count(key).map(|standing| standing.left).ok();

        assert_eq!(
            [left(1), left(1), left(1), left(1)],
            [Some(2), Some(1), Some(0), None]
        );
        assert_eq!(left(2), Some(2), "another caller");
        clock.advance(Duration::from_secs(20));
        assert_eq!([left(1), left(1)], [Some(0), None]);
        clock.advance(Duration::from_secs(600));
        assert_eq!(left(1), Some(2));
    }

    #[test]
    fn a_caller_is_told_where_it_stands_and_when_to_come_back() {
        let clock = FakeRelativeClock::default();
        let limit = limit(4, &clock);

        let first = limit.count(1).expect("the first of four");
        for _ in 0..3 {
            limit.count(1).expect("one of four");
        }
        let fifth = limit.count(1).expect_err("the fifth of four");

        assert_eq!(
            lines(&first.headers()),
            ["\"address\";q=4;w=60", "\"address\";r=3;t=15"]
        );
        let response = fifth.render("/", "id");
        let header = |name: &str| response.headers()[name].to_str().expect("ascii").to_owned();
        assert_eq!(response.status().as_u16(), 429);
        assert_eq!(header("retry-after"), "15");
        assert_eq!(header("ratelimit"), "\"address\";r=0;t=60");
    }

    #[test]
    fn old_callers_are_forgotten_and_a_crowd_shares_one_allowance() {
        let clock = FakeRelativeClock::default();
        let limit = limit(2, &clock);
        let most = u32::try_from(MOST_KEYS).expect("not so many");
        for key in 0..most {
            limit.count(key).expect("the first of two");
        }

        assert_eq!(limit.count(most).expect("the crowd's first").left, 1);
        assert_eq!(limit.count(most + 1).expect("its second").left, 0);
        limit.count(most + 2).expect_err("its third");
        assert_eq!(limit.keys.len(), MOST_KEYS + 1);

        clock.advance(Duration::from_secs(120));
        *limit.swept_at.lock().expect("sound") = None;
        limit.count(most + 3).expect("there is room again");
        assert_eq!(limit.keys.len(), 1);
    }

    #[test]
    fn an_ipv6_host_is_one_caller_whatever_address_it_takes() {
        let network = |text: &str| network(text.parse().expect("an address"));

        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("192.0.2.8"), network("192.0.2.7"));
    }
}
