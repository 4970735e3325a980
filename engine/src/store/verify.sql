-- What must never be found. Each row is one broken promise; none is what health looks like.
with place as (
    select shard, id, 'pending' as place from engine.pending
    union all
    select shard, id, 'running' from engine.running
    union all
    select shard, id, 'ended' from engine.ended
),
job_place as (
    select j.shard, j.id, j.kind, count(p.place) as places, string_agg(p.place, ', ' order by p.place) as named
    from engine.job j
    left join place p on p.shard = j.shard and p.id = j.id
    group by j.shard, j.id, j.kind
)
select 'lost_job' as finding, id::text as subject, 'the job stands nowhere: not pending, running or ended' as detail
from job_place
where places = 0
union all
select 'job_in_two_places', id::text, 'the job stands in ' || named
from job_place
where places > 1
union all
select 'place_without_job', p.id::text, 'there is a row in ' || p.place || ' and no job'
from place p
where not exists (select from engine.job j where j.shard = p.shard and j.id = p.id)
union all
select 'lease_never_rescued', id::text, 'its lease ran out at ' || lease_until
from engine.running
where lease_until < now() - interval '5 minutes'
union all
select 'key_never_released', k.key, 'held by job ' || k.job_id || ', which has ended'
from engine.key k
join engine.ended e on e.shard = k.shard and e.id = k.job_id
where k.expires_at is null
union all
select 'attempt_from_the_future', a.job_id::text, 'attempt ' || a.attempt || ' is on record beyond its job''s'
from engine.attempt a
join engine.ended e on e.shard = a.shard and e.id = a.job_id
where a.attempt > e.attempt
union all
select 'wait_never_ends', p.id::text, 'it waits for ' || p.waiting_for || ', which has ended'
from engine.pending p
join engine.batch b on b.shard = p.shard and b.owner_id = p.id and p.waiting_for = 'batch:' || b.id
where p.state = 'waiting' and b.pending = 0
union all
select 'wait_never_ends', p.id::text, 'it waits for ' || p.waiting_for || ', which was sent'
from engine.pending p
join engine.signal s on s.shard = p.shard and s.job_id = p.id and p.waiting_for = 'signal:' || s.name
where p.state = 'waiting'
union all
select 'wait_never_ends', p.id::text, 'it waits for its twin, and nobody will tell it'
from engine.pending p
where
    p.state = 'waiting' and p.waiting_for = 'twin'
    and not exists (
        select from engine.key k
        where
            k.shard = p.shard and k.kind = p.kind and k.key = 'unique:' || p.unique_key
            and (k.follower_id = p.id or p.id = any(k.line))
    )
union all
select 'batch_miscounted', b.id::text, format('%s are pending by its counts, %s by its members', b.pending, m.live)
from engine.batch b
cross join lateral (
    select
        (
            select count(*)
            from engine.job j
            where
                j.shard = b.shard and j.batch_id = b.id
                and not exists (select from engine.ended e where e.shard = j.shard and e.id = j.id)
        )
        + (select count(*) from engine.key k where k.shard = b.shard and b.id = any(k.watchers)) as live
) m
where m.live <> b.pending
union all
select 'group_miscounted', g.fingerprint, 'the group says ' || g.dead || ' dead letters and has ' || l.letters
from engine.dead_group g
cross join lateral (
    select count(*) as letters
    from engine.ended e
    where e.shard = g.shard and e.fingerprint = g.fingerprint and e.state = 'dead'
) l
where g.dead <> l.letters
union all
select 'total_miscounted', coalesce(t.queue, e.queue) || ' ' || coalesce(t.kind, e.kind),
    format('%s are %s by the total, and there are %s', coalesce(t.jobs, 0), coalesce(t.state, e.state), coalesce(e.jobs, 0))
from (
    select shard, queue, kind, state, sum(jobs) as jobs
    from (
        select shard, queue, kind, state, jobs from engine.total
        union all
        select shard, queue, kind, state, stock from engine.tally where stock <> 0
    ) s
    group by shard, queue, kind, state
    having sum(jobs) <> 0
) t
full join (
    select shard, queue, kind, state::text as state, count(*) as jobs
    from engine.ended
    group by shard, queue, kind, state
) e on e.shard = t.shard and e.queue = t.queue and e.kind = t.kind and e.state = t.state
where t.jobs is distinct from e.jobs
order by finding, subject
limit 1000
