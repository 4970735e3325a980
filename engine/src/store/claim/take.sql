-- Takes what was found: it moves from pending to running, under a lease. Rows that another worker is taking were skipped,
-- not waited for. One row with what the claim is told of where it looked.
taken as (
    -- By address, in an array: so it is a probe, whatever the planner thinks of how many there are.
    delete from engine.pending
    where
        ctid = any((select addresses from candidate)::tid[])
        and shard = $1
        and due
    returning
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, rank_at, unique_key, unique_until_claim,
        partition_key, batch_id, limited
),
begun as (
    insert into engine.running (
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id,
        started_at, lease_until, unique_key, partition_key, batch_id
    )
    select
        shard, id, kind, queue, priority, attempt + 1, failed, crashes, max_attempts, $5, $6, now(),
        now() + $7 * interval '1 millisecond',
        case when not unique_until_claim then unique_key end,
        partition_key, batch_id
    from taken
),
passed as materialized (
    -- In the order in which a bulk enqueue locks keys.
    select engine.pass_key(shard, kind, unique_key, id)::text as key
    from (select * from taken where unique_until_claim order by kind, unique_key) let_go
)
-- One row of arrays: to send and read hundreds of rows costs as much as to find their jobs.
select told.*, jobs.*
from told
cross join (
    select
        (select count(key) from passed) as passed, now() as asked_at,
        array_agg(t.id) as ids, array_agg(t.kind) as kinds, array_agg(t.attempt + 1) as attempts,
        array_agg(t.failed) as failed, array_agg(t.max_attempts) as max_attempts, array_agg(j.args::text) as args,
        array_agg(case
            when num_nonnulls(j.timeout_ms, j.backoff, j.parent_id, j.tags, j.rate_keys, j.trace_context) > 0
            then jsonb_build_object(
                'timeout_ms', j.timeout_ms, 'backoff', j.backoff, 'parent_id', j.parent_id, 'tags', j.tags,
                'rate_keys', j.rate_keys, 'trace_context', j.trace_context
            )
        end) as rests
    from (select * from taken order by rank_at, id) t
    cross join lateral (
        -- `offset 0` keeps this a probe of the primary key for each row.
        select args, timeout_ms, backoff, parent_id, tags, rate_keys, trace_context
        from engine.job
        where shard = t.shard and id = t.id
        offset 0
    ) j
) jobs
