-- Takes up to $4 due jobs of one queue under a lease: they move from pending to running. The ready
-- index gives them in order; rows that another worker is taking are skipped, not waited for.
-- `= any(array(...))` keeps the probe by address whatever the planner thinks of the limit.
with taken as (
    delete from engine.pending
    where
        ctid = any(array(
            select ctid
            from engine.pending
            where
                shard = $1
                and queue = $2
                and due
                and kind = any($3)
                and not exists (select from engine.pause where scope = 'queue' and name = $2)
                and kind <> all(array(select name from engine.pause where scope = 'kind'))
            order by priority, run_at, id
            limit $4
            for update skip locked
        ))
        and shard = $1
        and due
    returning *
),
begun as (
    insert into engine.running (
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id,
        started_at, lease_until, unique_key, partition_key
    )
    select
        shard, id, kind, queue, priority, attempt + 1, failed, crashes, max_attempts, $5, $6, now(),
        now() + $7 * interval '1 millisecond',
        case when not unique_until_claim then unique_key end,
        partition_key
    from taken
)
select
    t.id, t.kind, t.queue, t.attempt + 1 as attempt, t.failed, t.max_attempts,
    j.args::text as args, j.timeout_ms, j.backoff, j.parent_id, j.tags, j.rate_keys, j.trace_context,
    case when t.unique_until_claim then engine.pass_key(t.shard, t.kind, t.unique_key, t.id)::text end as passed
from taken t
cross join lateral (
    -- `offset 0` keeps this a probe of the primary key for each row.
    select args, timeout_ms, backoff, parent_id, tags, rate_keys, trace_context
    from engine.job
    where shard = t.shard and id = t.id
    offset 0
) j
order by t.priority, t.run_at, t.id
