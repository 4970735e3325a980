-- Takes back jobs whose lease ran out: their worker died, or slept too long to be believed. A crash
-- counts as a failure and apart from it: a job that has taken three attempts down with it is poison.
-- Any process may run this; rows another rescuer or a late settle holds are skipped until the next round. Says when
-- the next lease ends, in a row of its own if nothing was lost.
with lost as materialized (
    select ctid as row, id
    from engine.running
    where shard = $1 and lease_until < now()
    order by id
    limit $2
    for update skip locked
),
soonest as (
    -- Those that somebody holds among them: they are overdue.
    select min(lease_until) as lease_until from engine.running where shard = $1 and id not in (select id from lost)
),
removed as (
    delete from engine.running
    where
        ctid = any(array(select row from lost))
        and shard = $1
        and lease_until < now()
    returning
        *,
        case
            when cancel_requested then 'cancelled'
            when crashes + 1 >= $3 or failed + 1 >= max_attempts then 'dead'
            else 'available'
        end::engine.job_state as state,
        case when crashes + 1 >= $3 then 'poison' else 'lease_expired' end as code,
        'the worker stopped renewing its lease: it crashed, was killed or stood still' as error
),
ended as (
    insert into engine.ended (
        shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts,
        worker_id, started_at, outcome, code, error
    )
    select
        shard, id, kind, queue, state, priority, attempt, failed + 1, crashes + 1, max_attempts,
        worker_id, started_at, 'crashed', code, error
    from removed
    where state <> 'available'
),
put_back as (
    insert into engine.pending (
        shard, id, kind, queue, due, priority, run_at, attempt, failed, crashes, max_attempts,
        unique_key, partition_key, batch_id, rank_at, ordered, limited
    )
    select
        shard, id, kind, queue, true, priority, now(), attempt, failed + 1, crashes + 1,
        max_attempts, unique_key, partition_key, batch_id, now() + priority * interval '1 minute',
        partition_key is not null and exists (select from engine.kind k where k.name = kind and k.partition_order is not null),
        kind = any(array(select name from engine.kind where limited))
    from removed
    where state = 'available'
),
tried as (
    insert into engine.attempt (
        shard, job_id, attempt, worker_id, started_at, outcome, code, error, next_run_at
    )
    select shard, id, attempt, worker_id, started_at, 'crashed', code, error, now()
    from removed
    where state = 'available'
)
select
    (select ceil(extract(epoch from lease_until - now()) * 1000)::bigint from soonest) as next_ms,
    id,
    queue,
    state::text as state,
    case
        when unique_key is not null and state <> 'available'
        then engine.pass_key(shard, kind, unique_key, id, state)::text
    end as passed,
    case when state = 'cancelled' then engine.abandon(shard, id)::text end as abandoned,
    case
        when state = 'dead' and partition_key is not null
        then engine.block_partition(shard, partition_key, id, kind)::text
    end as blocked,
    case
        when batch_id is not null and state <> 'available'
        then engine.end_members(shard, batch_id, 0, (state = 'cancelled')::integer, (state = 'dead')::integer)
    end as woken
from (select) one
left join removed on true
-- Keys are locked in the order in which a bulk enqueue locks them, batches from the youngest.
order by kind, unique_key, batch_id desc
