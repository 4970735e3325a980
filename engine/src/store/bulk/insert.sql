-- An act on many, to be begun at once. The same id or idempotency key is there already when the answer
-- to an earlier request was lost.
insert into engine.bulk (
    id, act, patch, filter, chunk, rate_per_s, canary_jobs, canary_wait_ms, canary_tolerate,
    matched, matched_all, requested_by, requested_via, reason, idempotency_key, request_hash
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, md5($16))
on conflict do nothing
