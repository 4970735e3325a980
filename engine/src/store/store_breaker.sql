-- Stores a breaker's move under the version it was decided on; without one, only when there is no row.
insert into engine.breaker as b (
    shard, connection, version, state, half_began_at, good_now, bad_now, good_before, bad_before, opens,
    opened_at, open_until, probe_job, probe_until, ramp_since, ramp_second, ramp_taken,
    forced_by, forced_at, reason, failing_since, alarm
)
values (
    $1, $2, coalesce($3::bigint, 0) + 1, $4, to_timestamp($5::bigint / 1000.0),
    ($6::integer[])[1], ($6::integer[])[2], ($6::integer[])[3], ($6::integer[])[4], $7,
    to_timestamp($8::bigint / 1000.0), to_timestamp($9::bigint / 1000.0), $10,
    to_timestamp($11::bigint / 1000.0), to_timestamp($12::bigint / 1000.0), $13, $14,
    -- Not the transaction's time: whoever reads compares it with when the breaker opened.
    $15, case when $15::text is not null then clock_timestamp() end, $16,
    to_timestamp($17::bigint / 1000.0), $18
)
on conflict (shard, connection) do update
set
    version = excluded.version, state = excluded.state, half_began_at = excluded.half_began_at,
    good_now = excluded.good_now, bad_now = excluded.bad_now, good_before = excluded.good_before,
    bad_before = excluded.bad_before, opens = excluded.opens, opened_at = excluded.opened_at,
    open_until = excluded.open_until, probe_job = excluded.probe_job, probe_until = excluded.probe_until,
    ramp_since = excluded.ramp_since, ramp_second = excluded.ramp_second, ramp_taken = excluded.ramp_taken,
    forced_by = coalesce(excluded.forced_by, b.forced_by),
    forced_at = coalesce(excluded.forced_at, b.forced_at),
    reason = case when excluded.forced_by is null then b.reason else excluded.reason end,
    failing_since = excluded.failing_since, alarm = excluded.alarm,
    changed_at = case when excluded.state <> b.state then now() else b.changed_at end
where b.version = $3::bigint
