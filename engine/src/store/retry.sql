-- Lets a dead or cancelled job try on: it moves back from ended to pending with its attempts, and the
-- record of the attempt that had ended it goes to the others. One more failure is always allowed;
-- crashes are forgiven, since a person has looked.
with reopened as (
    delete from engine.ended
    where shard = $1 and id = $2 and state in ('dead', 'cancelled')
    returning *
),
tried as (
    insert into engine.attempt (
        shard, job_id, attempt, worker_id, started_at, ended_at, outcome, code, error, next_run_at
    )
    select shard, id, attempt, worker_id, started_at, ended_at, outcome, code, error, now()
    from reopened
    where started_at is not null
)
insert into engine.pending (
    shard, id, kind, queue, due, priority, run_at, attempt, failed, max_attempts, unique_key,
    unique_until_claim, partition_key, batch_id, rank_at, ordered, limited
)
select
    r.shard, r.id, r.kind, r.queue, true, r.priority, now(), r.attempt, r.failed,
    greatest(r.max_attempts, r.failed + 1),
    case when j.unique_scope in ('queued', 'queued_or_running') then j.unique_key end,
    coalesce(j.unique_scope = 'queued', false),
    coalesce(
        -- It may have been limited so since.
        case when exists (select from engine.kind k where k.name = r.kind and k.by_connection) then j.rate_keys[1] end,
        j.partition_key
    ),
    j.batch_id,
    now() + r.priority * interval '1 minute',
    j.partition_key is not null and exists (select from engine.kind k where k.name = r.kind and k.partition_order is not null),
    r.kind = any(array(select name from engine.kind where limited))
from reopened r
-- By what is asked for, so that the plan names one era.
join engine.job j on j.shard = $1 and j.id = $2
returning kind, queue, unique_key, batch_id, (select state::text from reopened) as was
