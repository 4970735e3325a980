-- The ended jobs there are, folded or not.
select queue, kind, state, sum(jobs)::bigint as jobs
from (
    select queue, kind, state, jobs from engine.total where shard = $1
    union all
    select queue, kind, state, stock from engine.tally where shard = $1 and stock <> 0
) t
group by queue, kind, state
having sum(jobs) <> 0
order by queue, kind, state
