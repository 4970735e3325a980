-- A job with a key wrote its wide row and read it again to write the narrow one. The table of the wide rows is divided
-- by time, so Postgres made the plan of that reading anew for each enqueue: a third of what a login's cost the server.
-- Why a new function body: the first insert gives the row. Locks nothing.

-- Writes the two rows of one new job; a follower waits for its twin to end, an owner for its batch.
create or replace function engine.insert_job(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, p_follows boolean default false
) returns void language plpgsql as $$
declare
    policy engine.kind;
    j engine.job;
    held_key text := case when p_rest ->> 'unique_scope' in ('queued', 'queued_or_running') then p_rest ->> 'unique_key' end;
    waits_for text := case when p_follows then 'twin' else 'batch:' || (p_rest ->> 'waits_for') end;
begin
    select * into policy from engine.kind where name = p_kind;
    insert into engine.job (
        shard, id, kind, args, queue, priority, run_at, max_attempts, timeout_ms, backoff, tags,
        unique_key, unique_scope, idempotency_key, partition_key, rate_keys, parent_id, batch_id,
        replayed_from, trace_context, asked_by
    ) values (
        p_shard, p_id, p_kind, p_args, coalesce(p_queue, policy.queue, 'default'),
        coalesce(p_priority, policy.priority, 0), p_run_at,
        coalesce(p_max_attempts, policy.max_attempts, 8),
        (p_rest ->> 'timeout_ms')::bigint, p_rest -> 'backoff',
        case when p_rest ? 'tags' then array(select jsonb_array_elements_text(p_rest -> 'tags')) end,
        p_rest ->> 'unique_key', p_rest ->> 'unique_scope', p_rest ->> 'idempotency_key', p_rest ->> 'partition_key',
        case when p_rest ? 'rate_keys' then array(select jsonb_array_elements_text(p_rest -> 'rate_keys')) end,
        (p_rest ->> 'parent_id')::uuid, (p_rest ->> 'batch_id')::uuid,
        (p_rest ->> 'replayed_from')::uuid, p_rest ->> 'trace_context', p_rest ->> 'asked_by'
    )
    returning * into j;
    insert into engine.pending (
        shard, id, kind, queue, state, due, priority, run_at, max_attempts, unique_key,
        unique_until_claim, partition_key, waiting_for, batch_id, rank_at, ordered, limited
    ) values (
        j.shard, j.id, j.kind, j.queue,
        case when waits_for is not null then 'waiting' else 'available' end::engine.job_state,
        waits_for is null and j.run_at <= now(), j.priority,
        case when waits_for is not null then 'infinity' else j.run_at end, j.max_attempts, held_key,
        coalesce(p_rest ->> 'unique_scope' = 'queued', false), j.partition_key, waits_for, j.batch_id,
        j.run_at + j.priority * interval '1 minute', j.partition_key is not null and policy.partition_order is not null,
        coalesce(policy.limited, false)
    );
end $$;
