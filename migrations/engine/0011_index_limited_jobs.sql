-- Jobs of kinds with limits stand in an index of their own. Why: a claim of other jobs stepped over all of
-- theirs, and a look for theirs over all others; a drain of keyed jobs read 70 pages a job. The new column takes no
-- rewrite; the update writes the pending rows of limited kinds once, and the index statements lock
-- engine.pending for as long as it takes to read its rows.

alter table engine.kind
    add column limited boolean not null
    generated always as (coalesce(most_running, partition_running) is not null or partition_order is not null) stored;

-- The kind has a limit or an order.
alter table engine.pending add column limited boolean not null default false;
update engine.pending p set limited = true from engine.kind k where k.name = p.kind and k.limited;

drop index engine.pending_ready;
create index pending_ready on engine.pending (shard, queue, rank_at, id) where due and partition_key is null and not limited;
drop index engine.pending_fair;
create index pending_fair on engine.pending (shard, queue, partition_key, rank_at, id)
where due and partition_key is not null and not limited;
create index pending_limited on engine.pending (shard, queue, partition_key, kind, rank_at, id) where due and limited;

-- Addresses of jobs of one limited kind that may run now, in the order of claims: those without a partition
-- key, then those of p_keys. The limits hold over the whole fleet: whoever counts holds the key's lock until the
-- claim has committed, and counts by a statement of its own, hence with a snapshot that has everything up to
-- that lock.
drop function engine.admit(smallint, text, text, integer, integer, boolean, text, bigint);
create function engine.admit(
    p_shard smallint, p_queue text, p_kind text, p_most integer, p_partition_running integer, p_ordered boolean,
    p_keys text[], p_limit bigint
) returns table (address tid, rank_at timestamptz, id uuid, place bigint) language plpgsql as $$
declare
    free bigint := p_limit;
    admitted bigint;
    keys text[];
begin
    if p_most is not null then
        if not pg_try_advisory_xact_lock(hashtextextended('engine kind ' || p_kind, p_shard)) then
            return;
        end if;
        select least(free, p_most - count(*)) into free from engine.running r where r.shard = p_shard and r.kind = p_kind;
    end if;
    if free <= 0 then
        return;
    end if;
    -- By partition_key too, though it is null: Postgres does not know that this is one value, and would sort.
    return query
    select p.ctid, p.rank_at, p.id, row_number() over (order by p.rank_at, p.id)
    from (
        select r.ctid, r.rank_at, r.id from engine.pending r
        where r.shard = p_shard and r.queue = p_queue and r.due and r.limited and r.partition_key is null and r.kind = p_kind
        order by r.partition_key, r.rank_at, r.id
        limit free
        for update skip locked
    ) p;
    get diagnostics admitted = row_count;
    free := free - admitted;
    if free <= 0 or p_keys = '{}' then
        return;
    end if;
    if p_partition_running is not null then
        select array_agg(k.key) into keys
        from unnest(p_keys) k (key)
        where
            exists (
                select from engine.pending r
                where r.shard = p_shard and r.queue = p_queue and r.due and r.limited and r.partition_key = k.key and r.kind = p_kind
            )
            and pg_try_advisory_xact_lock(hashtextextended('engine partition ' || k.key, p_shard));
    else
        keys := p_keys;
    end if;
    if p_ordered then
        return query
        select p.ctid, p.rank_at, p.id, 1::bigint
        from unnest(keys) k (key)
        cross join lateral (
            select h.id from engine.pending h
            where h.shard = p_shard and h.partition_key = k.key and h.ordered
            order by h.id
            limit 1
        ) head
        cross join lateral (
            select r.ctid, r.rank_at, r.id from engine.pending r
            where r.shard = p_shard and r.id = head.id and r.queue = p_queue and r.due and r.kind = p_kind
            for update skip locked
        ) p
        where
            not exists (select from engine.running r where r.shard = p_shard and r.partition_key = k.key)
            and not exists (
                select from engine.partition_block b
                where b.shard = p_shard and b.partition_key = k.key and b.job_id <> p.id
            )
        order by p.rank_at, p.id
        limit free;
        return;
    end if;
    return query
    select p.ctid, p.rank_at, p.id, p.place
    from unnest(keys) k (key)
    cross join lateral (
        select case when p_partition_running is null then free else least(free, p_partition_running - (
            select count(*) from engine.running r where r.shard = p_shard and r.partition_key = k.key
        )) end as room
    ) c
    cross join lateral (
        select q.ctid, q.rank_at, q.id, row_number() over (order by q.rank_at, q.id) as place
        from (
            select r.ctid, r.rank_at, r.id from engine.pending r
            where r.shard = p_shard and r.queue = p_queue and r.due and r.limited and r.partition_key = k.key and r.kind = p_kind
            order by r.rank_at, r.id
            limit greatest(c.room, 0)
            for update skip locked
        ) q
    ) p
    order by p.place, p.rank_at, p.id
    limit free;
end $$;

-- Writes the two rows of one new job; a follower waits for its twin to end, an owner for its batch.
create or replace function engine.insert_job(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, p_follows boolean default false
) returns void language plpgsql as $$
declare
    policy engine.kind;
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
    );
    insert into engine.pending (
        shard, id, kind, queue, state, due, priority, run_at, max_attempts, unique_key,
        unique_until_claim, partition_key, waiting_for, batch_id, rank_at, ordered, limited
    ) select
        j.shard, j.id, j.kind, j.queue,
        case when waits_for is not null then 'waiting' else 'available' end::engine.job_state,
        waits_for is null and j.run_at <= now(), j.priority,
        case when waits_for is not null then 'infinity' else j.run_at end, j.max_attempts, held_key,
        coalesce(p_rest ->> 'unique_scope' = 'queued', false), j.partition_key, waits_for, j.batch_id,
        j.run_at + j.priority * interval '1 minute', j.partition_key is not null and policy.partition_order is not null,
        coalesce(policy.limited, false)
    from engine.job j
    where j.shard = p_shard and j.id = p_id;
end $$;
