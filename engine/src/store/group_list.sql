-- Groups that have letters, the newest letter first, with their deaths an hour over the last day. Reads
-- as many rows as there are groups, whatever the number of letters.
select
    g.fingerprint, g.version, g.kind, g.code, g.message, g.sample_job_id, g.sample_error,
    g.first_seen_at, g.last_seen_at, g.regressed_at, g.deaths, g.dead,
    array(
        select coalesce(h.deaths, 0)
        from generate_series(
            date_trunc('hour', now(), 'UTC') - interval '23 hours', date_trunc('hour', now(), 'UTC'), interval '1 hour'
        ) hour
        left join engine.dead_group_hour h on h.shard = $1 and h.fingerprint = g.fingerprint and h.hour_at = hour
        order by hour
    ) as trend
from engine.dead_group g
where
    g.shard = $1
    and ($2::text is null or g.fingerprint = $2)
    and (g.dead > 0 or $2::text is not null)
    and ($3::timestamptz is null or (g.last_seen_at, g.fingerprint) < ($3, $4))
order by g.last_seen_at desc, g.fingerprint desc
limit $5
