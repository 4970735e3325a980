//! Reads a refusal by the rate limit: what it cost, what was left, and when to come back.

use super::query::Call;
use crate::Error;
use crate::http::{RawReply, retry_after};

/// The text is not promised, so both what is read of it and what is not must do (section 4).
pub(super) fn throttled_by_text(
    call: &Call,
    message: &str,
    code: &str,
    reply: &RawReply,
) -> Option<Error> {
    let message = message.to_lowercase();
    let cost = number_after(&message, "costs ");
    let available = number_after(&message, "have ").filter(|_| message.contains("available"));
    let priced = cost.is_some() && available.is_some();
    let named = message.contains("rate limit") || message.contains("ratelimit");
    let coded = matches!(code, "RATE_LIMITED" | "TOO_MANY_REQUESTS" | "THROTTLED");
    (priced || named || coded).then(|| Error::Throttled {
        action: call.action.clone(),
        after: retry_after(reply),
        cost,
        available,
    })
}

pub(super) fn throttled_by_status(call: &Call, reply: &RawReply) -> Error {
    let after = retry_after(reply);
    Error::Throttled {
        action: call.action.clone(),
        after,
        cost: None,
        available: None,
    }
}

/// The number behind the first `word` that has one: "you have been …, you have 42 available".
fn number_after(text: &str, word: &str) -> Option<u32> {
    text.match_indices(word).find_map(|(at, _)| {
        let rest = &text[at + word.len()..];
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        rest[..digits].parse().ok()
    })
}
