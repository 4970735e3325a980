-- Which of these attempts are on record as ended by this worker itself.
select x.id, x.attempt
from unnest($2::uuid[], $3::integer[]) as x (id, attempt)
where
    exists (
        select from engine.ended e
        where e.shard = $1 and e.id = x.id and e.attempt = x.attempt and e.worker_id = $4 and e.outcome <> 'crashed'
    )
    or exists (
        select from engine.attempt a
        where a.shard = $1 and a.job_id = x.id and a.attempt = x.attempt and a.worker_id = $4 and a.outcome <> 'crashed'
    )
