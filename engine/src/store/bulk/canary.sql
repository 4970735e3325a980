-- How the jobs of a canary do. They were live after the act, so that an end is an end since then. One that
-- is in no place was deleted or pruned.
select
    count(*) as jobs,
    count(*) filter (where e.state = 'completed') as completed,
    count(*) filter (where e.state = 'dead') as died,
    count(*) filter (where e.state = 'cancelled' or (e.id is null and j.id is null)) as gone,
    count(*) filter (where a.job_id is not null) as failing,
    coalesce(bool_and(b.canary_until <= now()), true) as is_over
from engine.bulk b
cross join lateral unnest(b.canary_ids) as one (id)
left join engine.job j on j.shard = $1 and j.id = one.id
left join engine.ended e on e.shard = $1 and e.id = one.id
left join engine.pending p on p.shard = $1 and p.id = one.id
left join engine.attempt a
    on a.shard = $1 and a.job_id = one.id and a.attempt = p.attempt
    and a.outcome in ('retry', 'crashed') and a.ended_at > b.as_of
where b.id = $2
