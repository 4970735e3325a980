select a.*, w.label
from (
    select attempt, worker_id, started_at, ended_at, outcome, code, error, next_run_at, coalesce(times, 1) as times
    from engine.attempt
    where shard = $1 and job_id = $2
    union all
    select attempt, worker_id, started_at, ended_at, outcome, code, error, null, 1
    from engine.ended
    where shard = $1 and id = $2 and started_at is not null
    union all
    select attempt, worker_id, started_at, null, 'running', null, null, null, 1
    from engine.running
    where shard = $1 and id = $2
) a
left join engine.worker w on w.id = a.worker_id
order by a.attempt
