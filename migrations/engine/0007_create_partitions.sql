-- Fair claims, limits and order for jobs with a partition key. The update writes every pending row once;
-- the index statements lock engine.pending for as long as it takes to read its rows.

-- The order of claims: a step of priority is worth a minute of waiting, so that whatever waits is
-- overtaken for a bounded time only. Set with run_at, from it.
alter table engine.pending add column rank_at timestamptz not null default now();
-- A wait without a limit has no time of its own: it ranks as it was asked for.
update engine.pending p
set rank_at = priority * interval '1 minute' + case
    when run_at = 'infinity' then (select j.run_at from engine.job j where j.shard = p.shard and j.id = p.id)
    else run_at
end;
-- Jobs of which one must not overtake another.
alter table engine.pending add column ordered boolean not null default false;

drop index engine.pending_ready;
create index pending_ready on engine.pending (shard, queue, rank_at, id) where due and partition_key is null;
-- Keyed jobs are found key by key, so that a key with a hundred thousand jobs is one among the others.
create index pending_fair on engine.pending (shard, queue, partition_key, rank_at, id) where due and partition_key is not null;
-- The head of an ordered partition, due or not.
create index pending_ordered on engine.pending (shard, partition_key, id) where ordered;
-- What a limit counts.
create index running_partition on engine.running (shard, partition_key) where partition_key is not null;

alter table engine.kind
    add column most_running integer,
    add column partition_running integer,
    add column partition_order text,
    add constraint limits_positive check (least(most_running, partition_running) > 0),
    add constraint order_is_known check (partition_order in ('block', 'skip'));

-- Ordered partitions in which a dead job holds up the rest until a person decides.
create table engine.partition_block (
    shard smallint not null,
    partition_key text not null,
    job_id uuid not null,
    kind text not null,
    blocked_at timestamptz not null default now(),
    primary key (shard, partition_key)
);

-- Addresses of jobs of one limited kind that may run now, in the order of claims. The limits hold over
-- the whole fleet: whoever counts holds the key's lock until the claim has committed, and counts by a
-- statement of its own, hence with a snapshot that has everything up to that lock.
create function engine.admit(
    p_shard smallint, p_queue text, p_kind text, p_most integer, p_partition_running integer, p_ordered boolean,
    p_after text, p_limit bigint
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
    return query
    select p.ctid, p.rank_at, p.id, row_number() over (order by p.rank_at, p.id)
    from (
        select r.ctid, r.rank_at, r.id from engine.pending r
        where r.shard = p_shard and r.queue = p_queue and r.due and r.partition_key is null and r.kind = p_kind
        order by r.rank_at, r.id
        limit free
        for update skip locked
    ) p;
    get diagnostics admitted = row_count;
    free := free - admitted;
    if free <= 0 then
        return;
    end if;
    with recursive part as (
        select (
            select p.partition_key from engine.pending p
            where p.shard = p_shard and p.queue = p_queue and p.due and p.partition_key > p_after
            order by p.partition_key limit 1
        ) as key, 1 as nth
        union all
        select (
            select p.partition_key from engine.pending p
            where p.shard = p_shard and p.queue = p_queue and p.due and p.partition_key > part.key
            order by p.partition_key limit 1
        ), nth + 1
        from part
        where part.key is not null and nth < p_limit
    )
    select array_agg(part.key) into keys
    from part
    where
        part.key is not null
        and (p_partition_running is null or pg_try_advisory_xact_lock(hashtextextended('engine partition ' || part.key, p_shard)));
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
        select least(free, p_partition_running - count(*)) as room
        from engine.running r
        where r.shard = p_shard and r.partition_key = k.key
    ) c
    cross join lateral (
        select q.ctid, q.rank_at, q.id, row_number() over (order by q.rank_at, q.id) as place
        from (
            select r.ctid, r.rank_at, r.id from engine.pending r
            where r.shard = p_shard and r.queue = p_queue and r.due and r.partition_key = k.key and r.kind = p_kind
            order by r.rank_at, r.id
            limit greatest(c.room, 0)
            for update skip locked
        ) q
    ) p
    order by p.place, p.rank_at, p.id
    limit free;
end $$;

-- A job of an ordered partition is dead: where its kind says so, the rest waits for a person.
create function engine.block_partition(p_shard smallint, p_key text, p_id uuid, p_kind text) returns void language sql as $$
    insert into engine.partition_block (shard, partition_key, job_id, kind)
    select p_shard, p_key, p_id, k.name from engine.kind k
    where k.name = p_kind and k.partition_order = 'block'
    on conflict do nothing
$$;

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
        unique_until_claim, partition_key, waiting_for, batch_id, rank_at, ordered
    ) select
        j.shard, j.id, j.kind, j.queue,
        case when waits_for is not null then 'waiting' else 'available' end::engine.job_state,
        waits_for is null and j.run_at <= now(), j.priority,
        case when waits_for is not null then 'infinity' else j.run_at end, j.max_attempts, held_key,
        coalesce(p_rest ->> 'unique_scope' = 'queued', false), j.partition_key, waits_for, j.batch_id,
        j.run_at + j.priority * interval '1 minute', j.partition_key is not null and policy.partition_order is not null
    from engine.job j
    where j.shard = p_shard and j.id = p_id;
end $$;

-- Removes all that belongs to jobs that have ended; returns how many there were.
create function engine.forget(p_shard smallint, p_ids uuid[]) returns bigint language plpgsql as $$
begin
    delete from engine.attempt where shard = p_shard and job_id = any(p_ids);
    delete from engine.step where shard = p_shard and job_id = any(p_ids);
    delete from engine.signal where shard = p_shard and job_id = any(p_ids);
    delete from engine.flow where shard = p_shard and job_id = any(p_ids);
    delete from engine.batch where shard = p_shard and owner_id = any(p_ids);
    delete from engine.partition_block where shard = p_shard and job_id = any(p_ids);
    delete from engine.job where shard = p_shard and id = any(p_ids);
    return coalesce(cardinality(p_ids), 0);
end $$;
