-- What a person should look at now, of syncs. A remote that is down fails all listings of its stream, and is one alert.
-- A run fails, or its walk proves nothing. One that is partial for its bad records alone is no failure: these have alerts
-- of their own. A bad record without an id is why a walk proves nothing.
-- Listings that ended a week ago for the last time may be no more: their company has lost its account, their connection
-- is gone.
with bad as (
    -- By index from the newest on: listings that fail again and again are among the latest that did.
    (
        select stream, partition, company_id, connection from sync.run
        where status = 'failed' and mode <> 'chosen' and ended_at > now() - interval '7 days'
        order by id desc limit 1000
    )
    union
    (
        select stream, partition, company_id, connection from sync.run
        where status = 'partial' and sweep = 'unproven' and mode <> 'chosen' and ended_at > now() - interval '7 days'
        order by id desc limit 1000
    )
),
failing as (
    select r.stream, r.partition, min(r.ended_at) as since, max(r.code) as code
    from bad
    cross join lateral (
        (
            -- The index of one owner's runs; the other half gives nothing.
            select id, stream, partition, status, sweep, code, ended_at from sync.run
            where company_id = bad.company_id and stream = bad.stream and mode <> 'chosen' and ended_at is not null
            order by id desc limit 3
        )
        union all
        (
            select id, stream, partition, status, sweep, code, ended_at from sync.run
            where connection = bad.connection and stream = bad.stream and mode <> 'chosen' and ended_at is not null
            order by id desc limit 3
        )
    ) r
    group by r.stream, r.partition
    having count(*) = 3 and min(r.ended_at) > now() - interval '7 days' and bool_and(
        r.status = 'failed'
        or r.status = 'partial' and r.sweep = 'unproven' and not exists (
            select from sync.quarantine q
            where q.stream = r.stream and q.partition = r.partition and q.status <> 'resolved' and not q.is_named
        )
    )
)
select
    'sweep_held' as alert, h.stream || ' ' || h.partition as subject, h.held_at as since,
    format(
        '%s of %s rows are missing and none was marked: lockstep sweep show %s, then approve or reject',
        cardinality(h.candidates), h.known, h.run_id
    ) as message
from sync.held_sweep h
where h.status = 'open'
union all
select
    'quarantine_growing', q.stream, min(q.first_seen_at),
    format('%s records came into quarantine within a day: lockstep quarantine list --stream %s', count(*), q.stream)
from sync.quarantine q
where q.status = 'open' and q.first_seen_at > now() - interval '1 day'
group by q.stream
having count(*) >= 10
union all
select
    'quarantine_lasting', q.stream, min(q.first_seen_at),
    format(
        '%s records have been in quarantine for more than a day: lockstep quarantine list --stream %s, then retry or ignore',
        count(*), q.stream
    )
from sync.quarantine q
where q.status = 'open' and q.first_seen_at < now() - interval '1 day'
group by q.stream
union all
select
    'runs_failing', f.stream, min(f.since),
    format(
        'the last three runs of %s%s failed or proved nothing%s: lockstep run list --stream %s',
        (array_agg(f.partition order by f.since, f.partition))[1],
        case when count(*) > 1 then format(' and %s more', count(*) - 1) end,
        ' (' || max(f.code) || ')', f.stream
    )
from failing f
group by f.stream
order by since, subject
