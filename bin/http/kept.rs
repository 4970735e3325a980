//! The errors that callers of the replaced system know, on the paths that they know. All others are problems.

use serde_json::{Value, json};

/// The bulk sync of packages.
const BULK: &str = "/api/crm/sync-packages";
/// The packages of one profile.
const PROFILE: &str = "/api/vip/packages";

/// What stands in place of a problem of this status and code; none where it is told as a problem.
pub(super) fn body(path: &str, status: u16, code: &str) -> Option<Value> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match (path, status) {
        (BULK | PROFILE, 401) => Some(json!({"error": "Unauthorized"})),
        (BULK, 500) => Some(json!({"error": "Bulk sync failed", "details": code})),
        (PROFILE, 500) => Some(json!({"error": "Package sync failed", "details": code})),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kept_paths_have_their_own_errors_and_only_those_they_had() {
        let unauthorized = Some(json!({"error": "Unauthorized"}));
        let failed = Some(json!({"error": "Bulk sync failed", "details": "internal"}));
        let synced = Some(json!({"error": "Package sync failed", "details": "internal"}));
        for (path, status, code, expected) in [
            (BULK, 401, "unauthenticated", unauthorized.clone()),
            (
                "/api/crm/sync-packages/",
                401,
                "unauthenticated",
                unauthorized.clone(),
            ),
            (PROFILE, 401, "unauthenticated", unauthorized),
            (BULK, 500, "internal", failed),
            (PROFILE, 500, "internal", synced),
            (BULK, 403, "forbidden", None),
            (BULK, 422, "invalid", None),
            (PROFILE, 404, "not_found", None),
            ("/api/v1/jobs", 401, "unauthenticated", None),
            ("/api/vip/packages/x", 401, "unauthenticated", None),
        ] {
            assert_eq!(body(path, status, code), expected, "{path} {status}");
        }
    }
}
