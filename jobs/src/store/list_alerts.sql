-- What a person should look at now, of syncs. A remote that is down fails all listings of its stream, and is one alert.
with failing as (
    select r.stream, r.partition, min(r.ended_at) as since, max(r.code) as code
    from (
        -- By index from the newest on: listings that fail again and again are among the latest that did.
        select distinct stream, partition, company_id, connection
        from (
            (select * from sync.run where status = 'failed' order by id desc limit 1000)
            union all
            (select * from sync.run where status = 'partial' order by id desc limit 1000)
        ) bad
        where mode <> 'chosen'
    ) listing
    cross join lateral (
        (
            -- The index of one owner's runs; the other half gives nothing.
            select * from sync.run
            where company_id = listing.company_id and stream = listing.stream and mode <> 'chosen' and ended_at is not null
            order by id desc limit 3
        )
        union all
        (
            select * from sync.run
            where connection = listing.connection and stream = listing.stream and mode <> 'chosen' and ended_at is not null
            order by id desc limit 3
        )
    ) r
    group by r.stream, r.partition
    having count(*) = 3 and bool_and(r.status in ('partial', 'failed'))
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
        'the last three runs of %s%s ended as partial or failed%s: lockstep run list --stream %s',
        (array_agg(f.partition order by f.since, f.partition))[1],
        case when count(*) > 1 then format(' and %s more', count(*) - 1) end,
        ' (' || max(f.code) || ')', f.stream
    )
from failing f
group by f.stream
order by since, subject
