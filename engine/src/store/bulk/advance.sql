-- Adds what a chunk has done, in its transaction; the row is locked by whoever took it. The pace: as many
-- jobs as were come to make up so much of the time to the next chunk, counted from this one's beginning.
update engine.bulk
set
    state = $2,
    error = $3,
    looked_at = looked_at + $4,
    done = done + $5,
    skipped = skipped + $6,
    refused = refused + $7,
    chunks = chunks + 1 - $13::integer,
    cursor_at = coalesce($8, cursor_at),
    cursor_id = coalesce($9, cursor_id),
    canary_ids = canary_ids || $10::uuid[],
    canary_passed = canary_passed or $11,
    canary_until = case when $12 then now() + canary_wait_ms * interval '1 millisecond' else canary_until end,
    failures = 0,
    next_at = case
        when $12 or $13 then now() + interval '1 second'
        else now() + coalesce(($5 + $6 + $7) / rate_per_s, 0) * interval '1 second'
    end,
    started_at = coalesce(started_at, now()),
    ended_at = case when $2 in ('done', 'stopped') then now() end
where id = $1 and ended_at is null
returning *, now() as read_at
