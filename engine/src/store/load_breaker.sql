-- One breaker with the database's clock, instants in milliseconds; without a row, only the clock.
select
    (extract(epoch from clock.at) * 1000)::bigint as now,
    b.version, b.state, b.good_now, b.bad_now, b.good_before, b.bad_before, b.opens, b.probe_job,
    b.ramp_second, b.ramp_taken, b.alarm,
    (extract(epoch from b.failing_since) * 1000)::bigint as failing_since,
    (extract(epoch from b.half_began_at) * 1000)::bigint as half_began,
    (extract(epoch from b.opened_at) * 1000)::bigint as opened_at,
    (extract(epoch from b.open_until) * 1000)::bigint as open_until,
    (extract(epoch from b.probe_until) * 1000)::bigint as probe_until,
    (extract(epoch from b.ramp_since) * 1000)::bigint as ramp_since
from (select clock_timestamp() as at) clock
left join engine.breaker b on b.shard = $1 and b.connection = $2
