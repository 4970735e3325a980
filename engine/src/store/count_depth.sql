-- Counts what has not ended. Reads all of engine.pending and engine.running: never for a job's sake.
select
    queue,
    kind,
    count(*) filter (where due) as available,
    count(*) filter (where state = 'available' and not due and failed = 0) as scheduled,
    count(*) filter (where state = 'available' and not due and failed > 0) as retrying,
    count(*) filter (where state = 'waiting') as waiting,
    count(*) filter (where state = 'running') as running,
    min(run_at) filter (where due) as oldest_due_at
from (
    select queue, kind, state, due, failed, run_at from engine.pending where shard = $1
    union all
    select queue, kind, 'running', false, failed, null from engine.running where shard = $1
) live
group by queue, kind
order by queue, kind
