-- Takes up to $4 due jobs without partition key or limit, in the order of their index: claim.sql for
-- queues that need no more of it, at two thirds of its cost. Begins at ($8, $9), below which the index may
-- hold nothing but entries of rows that are gone. Says whether there are due jobs that only claim.sql finds.
with allowed as materialized (
    select array(
        select kind from unnest($3::text[]) kind
        where kind not in (select name from engine.pause where scope = 'kind')
    ) as kinds
    where cardinality($3::text[]) > 0 and not exists (select from engine.pause where scope = 'queue' and name = $2)
),
candidate as (
    select ctid as address
    from engine.pending
    where
        shard = $1 and queue = $2 and due and partition_key is null and not limited
        and (rank_at, id) >= (coalesce($8::timestamptz, '-infinity'), $9)
        and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
    order by rank_at, id
    limit $4
    for update skip locked
),
taken as (
    -- By address: `= any(array(...))` keeps it a probe whatever the planner thinks of the limit.
    delete from engine.pending
    where
        ctid = any(array(select address from candidate))
        and shard = $1
        and due
    returning
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, rank_at, unique_key, unique_until_claim,
        partition_key, batch_id
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
select
    exists (
        select from engine.pending where shard = $1 and queue = $2 and due and not limited and partition_key > ''
    ) or ($10 and exists (
        select from engine.pending where shard = $1 and queue = $2 and due and limited
    )) as saw_fair,
    (select count(key) from passed) as passed,
    (select max(rank_at) from taken) as last_rank_at, now() as asked_at,
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
