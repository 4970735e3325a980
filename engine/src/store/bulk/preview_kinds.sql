-- How many of these jobs are of each kind and state, by probes of primary keys.
select kind, state, count(*) as jobs
from unnest($2::uuid[]) as wanted (id)
cross join lateral (
    select p.kind, p.state::text as state from engine.pending p where p.shard = $1 and p.id = wanted.id
    union all
    select r.kind, 'running' from engine.running r where r.shard = $1 and r.id = wanted.id
    union all
    select e.kind, e.state::text from engine.ended e where e.shard = $1 and e.id = wanted.id
) place
group by kind, state
order by jobs desc, kind, state
limit 20
