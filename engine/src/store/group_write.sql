-- Puts letters into their groups: $2 ids with $3 fingerprints, $4 kinds, $5 codes, $6 masked messages and
-- $7 errors. A group is locked after its letters, and groups in one order, so that two who count cannot
-- deadlock.
with input as materialized (
    select *
    from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as x (id, fingerprint, kind, code, message, error)
),
marked as (
    update engine.ended e
    set fingerprint = x.fingerprint
    from input x
    where e.shard = $1 and e.id = x.id and e.state = 'dead' and e.fingerprint is null
    returning e.id, e.ended_at, x.fingerprint, x.kind, x.code, x.message, x.error
),
grouped as (
    insert into engine.dead_group as g (
        shard, fingerprint, version, kind, code, message, sample_job_id, sample_error,
        first_seen_at, last_seen_at, deaths, dead
    )
    select
        $1, fingerprint, $8, min(kind), min(code), min(message),
        (array_agg(id order by ended_at desc, id))[1], (array_agg(error order by ended_at desc, id))[1],
        min(ended_at), max(ended_at), count(*), count(*)
    from marked
    group by fingerprint
    order by fingerprint
    on conflict (shard, fingerprint) do update set
        -- The newest letter is the sample: an old one may be pruned.
        sample_job_id = excluded.sample_job_id,
        sample_error = excluded.sample_error,
        first_seen_at = least(g.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(g.last_seen_at, excluded.last_seen_at),
        deaths = g.deaths + excluded.deaths,
        -- All its letters had been replayed or deleted, and then the cause struck again.
        regressed_at = case
            when g.dead = 0 and excluded.first_seen_at > g.last_seen_at then excluded.first_seen_at
            else g.regressed_at
        end,
        dead = g.dead + excluded.dead
)
insert into engine.dead_group_hour as h (shard, fingerprint, hour_at, deaths)
select $1, fingerprint, date_trunc('hour', ended_at, 'UTC'), count(*)
from marked
group by fingerprint, date_trunc('hour', ended_at, 'UTC')
order by fingerprint, date_trunc('hour', ended_at, 'UTC')
on conflict (shard, fingerprint, hour_at) do update set deaths = h.deaths + excluded.deaths
