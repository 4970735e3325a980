-- Plain jobs, one or thousands, in one statement. What an enqueue does not say comes from the
-- kind's policy. A job whose id exists already was enqueued before and its answer lost: nothing
-- is written and it is not among the ids returned.
with input as (
    select *
    from unnest(
        $1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[],
        $7::smallint[], $8::bigint[], $9::timestamptz[], $10::jsonb[]
    ) as x (shard, id, kind, args, queue, priority, max_attempts, delay_ms, run_at, rest)
),
asked as (
    insert into engine.job (
        shard, id, kind, args, queue, priority, run_at, max_attempts, timeout_ms, backoff, tags,
        partition_key, rate_keys, parent_id, batch_id, replayed_from, trace_context, asked_by
    )
    select
        x.shard,
        x.id,
        x.kind,
        x.args::jsonb,
        coalesce(x.queue, k.queue, 'default'),
        coalesce(x.priority, k.priority, 0),
        coalesce(x.run_at, now() + x.delay_ms * interval '1 millisecond', now()),
        coalesce(x.max_attempts, k.max_attempts, 8),
        (x.rest ->> 'timeout_ms')::bigint,
        x.rest -> 'backoff',
        case when x.rest ? 'tags' then array(select jsonb_array_elements_text(x.rest -> 'tags')) end,
        -- Raises what is to be said instead.
        case when k.by_connection then engine.connection_of(x.kind, x.rest) else x.rest ->> 'partition_key' end,
        case when x.rest ? 'rate_keys' then array(select jsonb_array_elements_text(x.rest -> 'rate_keys')) end,
        (x.rest ->> 'parent_id')::uuid,
        (x.rest ->> 'batch_id')::uuid,
        (x.rest ->> 'replayed_from')::uuid,
        x.rest ->> 'trace_context',
        x.rest ->> 'asked_by'
    from input x
    left join engine.kind k on k.name = x.kind
    on conflict (shard, id) do nothing
    returning shard, id, kind, queue, priority, run_at, max_attempts, partition_key, batch_id
),
placed as (
    insert into engine.pending (
        shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key, batch_id, rank_at, ordered, limited
    )
    select
        shard, id, kind, queue, run_at <= now(), priority, run_at, max_attempts, partition_key, batch_id,
        run_at + priority * interval '1 minute',
        partition_key is not null and exists (select from engine.kind k where k.name = asked.kind and k.partition_order is not null),
        kind = any(array(select name from engine.kind where limited))
    from asked
    returning id, queue, due
)
-- A row a queue, not a row a job: sending and reading thousands of them cost as much as an index.
select
    queue, due, array_agg(id) as ids,
    -- Here, and not by a statement of its own: for a caller's transaction that is one more round trip.
    case when $11 then pg_notify('engine_wake', case when due then queue else '!' end) end as told
from placed
group by queue, due
