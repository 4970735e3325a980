-- Enqueue in SQL, and the part of enqueue that needs keys. New functions and a view: no locks.

-- A time-ordered id, as the Rust client makes them. Postgres has none of its own before 18.
create function engine.uuid_v7() returns uuid language sql volatile as $$
    select encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid
$$;

-- Writes the two rows of one new job; a follower waits for its twin to end.
create function engine.insert_job(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, p_follows boolean default false
) returns void language plpgsql as $$
declare
    policy engine.kind;
    held_key text := case when p_rest ->> 'unique_scope' in ('queued', 'queued_or_running') then p_rest ->> 'unique_key' end;
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
        unique_until_claim, partition_key, waiting_for
    ) select
        j.shard, j.id, j.kind, j.queue,
        case when p_follows then 'waiting' else 'available' end::engine.job_state,
        not p_follows and j.run_at <= now(), j.priority, j.run_at, j.max_attempts, held_key,
        coalesce(p_rest ->> 'unique_scope' = 'queued', false), j.partition_key,
        case when p_follows then 'twin' end
    from engine.job j
    where j.shard = p_shard and j.id = p_id;
end $$;

-- Takes a key. Returns null when it is ours now, else the row of the job that holds it. An expired
-- key is as good as none.
create function engine.take_key(
    p_shard smallint, p_kind text, p_key text, p_id uuid, p_hash text, p_keep_ms bigint
) returns engine.key language plpgsql as $$
declare
    taken engine.key;
begin
    insert into engine.key as k (shard, kind, key, job_id, request_hash, expires_at)
    values (p_shard, p_kind, p_key, p_id, p_hash, now() + p_keep_ms * interval '1 millisecond')
    on conflict (shard, kind, key) do update
    set job_id = excluded.job_id, request_hash = excluded.request_hash, expires_at = excluded.expires_at, follower_id = null
    where k.expires_at <= now();
    if found then
        return null;
    end if;
    -- A new statement, hence a new snapshot: it sees what we have just waited for. The lock keeps the
    -- holder from passing the key on while we decide what becomes of its twin.
    select * into taken from engine.key where shard = p_shard and kind = p_kind and key = p_key for update;
    return taken;
end $$;

-- Lets go of a held key: the follower holds it next and may run, or nobody does. A follower that ends
-- before its turn makes room for another. The key is locked before it is looked at: a twin may be
-- about to follow.
create function engine.pass_key(p_shard smallint, p_kind text, p_key text, p_id uuid) returns void language plpgsql as $$
declare
    held engine.key;
begin
    select * into held from engine.key k
    where k.shard = p_shard and k.kind = p_kind and k.key = 'unique:' || p_key for update;
    if held.follower_id = p_id then
        update engine.key k set follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.job_id is distinct from p_id then
        return;
    elsif held.follower_id is not null then
        update engine.key k set job_id = held.follower_id, follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        update engine.pending p set state = 'available', due = p.run_at <= now(), waiting_for = null
        where p.shard = p_shard and p.id = held.follower_id and p.state = 'waiting';
    elsif held.expires_at is null then
        delete from engine.key k where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    end if;
end $$;

-- What becomes of one more job for a key that `holder` has: the `twin` rule's business.
create function engine.meet_twin(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, holder engine.key, out id uuid, out answer text
) language plpgsql as $$
declare
    rule text := coalesce(p_rest ->> 'twin', 'keep');
    runs boolean;
begin
    id := holder.job_id;
    answer := 'kept';
    if rule = 'keep' then
        return;
    end if;
    -- The lock holds off a claim; a row that is being claimed is waited for and then gone.
    perform from engine.pending p where p.shard = p_shard and p.id = holder.job_id for update;
    runs := not found;
    if runs and not exists (select from engine.running r where r.shard = p_shard and r.id = holder.job_id) then
        -- Ended, and its key has a period: nothing is left to change.
        return;
    end if;
    if runs and holder.expires_at is null and holder.follower_id is null then
        perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest, true);
        update engine.key k set follower_id = p_id
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
        id := p_id;
        answer := 'follows';
        return;
    end if;
    if runs then
        id := coalesce(holder.follower_id, holder.job_id);
    end if;
    if rule = 'replace_args' and (not runs or holder.follower_id is not null) then
        update engine.job j set args = p_args where j.shard = p_shard and j.id = meet_twin.id;
        answer := 'replaced';
    end if;
end $$;

-- Enqueues one job that may have a unique key or an idempotency key.
create function engine.enqueue_keyed(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, out id uuid, out answer text
) language plpgsql as $$
declare
    holder engine.key;
    hash text;
begin
    id := p_id;
    answer := 'existing';
    if exists (select from engine.job j where j.shard = p_shard and j.id = p_id) then
        return;
    end if;
    if p_rest ? 'idempotency_key' then
        hash := md5(p_kind || ' ' || p_args::text);
        holder := engine.take_key(
            p_shard, p_kind, 'idempotency:' || (p_rest ->> 'idempotency_key'), p_id, hash, (p_rest ->> 'keep_ms')::bigint
        );
        if holder.job_id is not null then
            id := holder.job_id;
            answer := case when holder.request_hash = hash then 'existing' else 'mismatch' end;
            return;
        end if;
    elsif p_rest ? 'unique_key' then
        holder := engine.take_key(
            p_shard, p_kind, 'unique:' || (p_rest ->> 'unique_key'), p_id, null,
            case when p_rest ->> 'unique_scope' = 'period' then (p_rest ->> 'keep_ms')::bigint end
        );
        if holder.job_id is not null then
            select m.id, m.answer into id, answer
            from engine.meet_twin(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest, holder) m;
            return;
        end if;
    end if;
    perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest);
    answer := 'inserted';
end $$;

-- The front door for SQL: enqueues one job in the caller's transaction.
--   select * from engine.enqueue('soundtrack.sync_zones', '{"company_id": 42}');
create function engine.enqueue(
    kind text,
    args jsonb default '{}',
    queue text default null,
    priority integer default null,
    run_at timestamptz default null,
    delay interval default null,
    max_attempts integer default null,
    tags text[] default null,
    unique_key text default null,
    unique_scope text default 'queued_or_running',
    unique_period interval default null,
    twin text default 'keep',
    idempotency_key text default null,
    partition_key text default null,
    out id uuid,
    out answer text
) language plpgsql as $$
declare
    rest jsonb;
begin
    -- Callers bind nulls for what they do not say.
    args := coalesce(args, '{}');
    unique_scope := coalesce(unique_scope, 'queued_or_running');
    -- Counted from 0: an array or object at level 64 is the 65th.
    if jsonb_path_exists(args, 'strict $.**{64} ? (@.type() == "array" || @.type() == "object")') then
        raise exception 'args: nested deeper than 64' using errcode = '22023';
    end if;
    if octet_length(args::text) > 262144 then
        raise exception 'args: more than 262144 bytes of JSON; keep large data in a table and pass its key' using errcode = '22023';
    end if;
    if unique_scope not in ('queued', 'queued_or_running', 'period') then
        raise exception 'unique_scope: expected queued, queued_or_running or period, not %', unique_scope using errcode = '22023';
    end if;
    if twin not in ('keep', 'replace_args', 'run_after') then
        raise exception 'twin: expected keep, replace_args or run_after, not %', twin using errcode = '22023';
    end if;
    if unique_scope = 'period' and unique_key is not null and unique_period is null then
        raise exception 'unique_period: needed when unique_scope is period' using errcode = '22023';
    end if;
    if unique_key is not null and idempotency_key is not null then
        raise exception 'a job has a unique key or an idempotency key, not both' using errcode = '22023';
    end if;
    rest := jsonb_strip_nulls(jsonb_build_object(
        'tags', to_jsonb(tags),
        'unique_key', unique_key,
        'unique_scope', case when unique_key is not null then unique_scope end,
        'twin', twin,
        'idempotency_key', idempotency_key,
        'keep_ms', (extract(epoch from coalesce(unique_period, '1 day')) * 1000)::bigint,
        'partition_key', partition_key,
        'asked_by', 'sql:' || session_user
    ));
    select e.id, e.answer into enqueue.id, enqueue.answer
    from engine.enqueue_keyed(
        0::smallint, engine.uuid_v7(), kind, args, queue, priority::smallint, max_attempts::smallint,
        coalesce(run_at, now() + delay, now()), rest
    ) e;
    if enqueue.answer = 'mismatch' then
        raise exception 'idempotency key % was used for job % with another request', idempotency_key, enqueue.id using errcode = '23505';
    end if;
    -- Only a hint, and once a transaction whatever the number of jobs.
    perform pg_notify('engine_wake', coalesce((select p.queue from engine.pending p where p.shard = 0 and p.id = enqueue.id and p.due), '!'));
end $$;

-- Every job with where it stands, for reading. Never on the hot path.
create view engine.job_status as
select
    j.shard, j.id, j.kind, s.queue, s.state, s.priority, s.run_at, s.attempt, s.failed, s.crashes,
    s.max_attempts, s.worker_id, s.started_at, s.lease_until, s.cancel_requested, s.waiting_for,
    s.ended_at, s.outcome, s.code, s.error, s.result,
    j.args, j.created_at, j.timeout_ms, j.backoff, j.tags, j.unique_key, j.unique_scope, j.idempotency_key,
    j.partition_key, j.parent_id, j.batch_id, j.replayed_from, j.trace_context, j.asked_by
from engine.job j
cross join lateral (
    select
        p.queue, p.state, p.priority, p.run_at, p.attempt, p.failed, p.crashes, p.max_attempts,
        null::uuid as worker_id, null::timestamptz as started_at, null::timestamptz as lease_until,
        false as cancel_requested, p.waiting_for, null::timestamptz as ended_at, null::text as outcome,
        null::text as code, null::text as error, null::jsonb as result
    from engine.pending p
    where p.shard = j.shard and p.id = j.id
    union all
    select
        r.queue, 'running', r.priority, j.run_at, r.attempt, r.failed, r.crashes, r.max_attempts,
        r.worker_id, r.started_at, r.lease_until, r.cancel_requested, null, null, null, null, null, null
    from engine.running r
    where r.shard = j.shard and r.id = j.id
    union all
    select
        e.queue, e.state, e.priority, j.run_at, e.attempt, e.failed, e.crashes, e.max_attempts,
        e.worker_id, e.started_at, null, false, null, e.ended_at, e.outcome, e.code, e.error, e.result
    from engine.ended e
    where e.shard = j.shard and e.id = j.id
) s;

-- What a person should look at now, derived and so never stale.
create view engine.alert as
select 'unknown_kind' as alert, l.kind as subject, min(l.run_at) as since,
       format('%s jobs of kind %s wait and no live worker knows it', count(*), l.kind) as message
from engine.pending l
where l.due and l.run_at < now() - interval '5 minutes'
  and not exists (
      select from engine.worker w
      where w.stopped_at is null and w.seen_at > now() - interval '1 minute' and l.kind = any(w.kinds)
  )
group by l.kind
union all
select 'schedule_overdue', s.name, s.next_at,
       format('schedule %s should have run at %s', s.name, s.next_at)
from engine.schedule s
where s.removed_at is null and s.next_at < now() - interval '2 minutes'
  and not exists (select from engine.pause p where p.scope = 'schedule' and p.name = s.name)
union all
select 'no_worker', 'fleet', max(w.seen_at), 'no worker has been seen for five minutes and jobs wait'
from engine.worker w
having max(w.seen_at) < now() - interval '5 minutes'
   and exists (select from engine.pending p where p.due);
