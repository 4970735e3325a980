-- Counts the work at hand and the dead letters.
with pending as (
    select
        queue,
        count(*) filter (where due) as available,
        count(*) filter (where state = 'available' and not due) as scheduled,
        count(*) filter (where state = 'waiting') as waiting,
        extract(epoch from now() - min(run_at) filter (where due))::double precision as oldest_age_s
    from engine.pending
    where shard = $1
    group by queue
),
running as (
    select queue, count(*) as running
    from engine.running
    where shard = $1
    group by queue
),
dead as (
    select queue, count(*) as dead
    from engine.ended
    where shard = $1 and state = 'dead'
    group by queue
),
name as (
    select queue as name from pending
    union select queue from running
    union select queue from dead
    union select name from engine.pause where scope = 'queue'
    union select unnest(queues) from engine.worker where stopped_at is null and seen_at > now() - interval '1 minute'
)
select
    n.name,
    coalesce(p.available, 0) as available,
    coalesce(p.scheduled, 0) as scheduled,
    coalesce(r.running, 0) as running,
    coalesce(p.waiting, 0) as waiting,
    coalesce(d.dead, 0) as dead,
    p.oldest_age_s,
    s.paused_at,
    s.paused_by,
    s.reason
from name n
left join pending p on p.queue = n.name
left join running r on r.queue = n.name
left join dead d on d.queue = n.name
left join engine.pause s on s.scope = 'queue' and s.name = n.name
order by n.name
