-- Queues that hold dead letters, are served or are paused, with what is known of them without counting a
-- job.
with dead as (
    select queue, sum(jobs)::bigint as dead
    from (
        select queue, jobs from engine.total where shard = $1 and state = 'dead'
        union all
        select queue, stock from engine.tally where shard = $1 and state = 'dead' and stock <> 0
    ) d
    group by queue
    having sum(jobs) > 0
),
name as (
    select queue as name from dead
    union select name from engine.pause where scope = 'queue'
    union select unnest(queues) from engine.worker where stopped_at is null and seen_at > now() - interval '1 minute'
)
select n.name, coalesce(d.dead, 0) as dead, s.paused_at, s.paused_by, s.reason
from name n
left join dead d on d.queue = n.name
left join engine.pause s on s.scope = 'queue' and s.name = n.name
order by n.name
