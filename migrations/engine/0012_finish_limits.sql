-- Jobs that are put off come back at once; connections that fail for days; key and job are locked in one
-- order. New tables, views and functions: no locks. The new columns are null and take no rewrite, only a
-- moment's lock.

-- How many put-offs in a row this row stands for; null is one. A job that is put off for a day must not
-- leave thousands of rows.
alter table engine.attempt add column times integer;

-- What a job was put off for: found again as soon as that is open. Beside engine.pending and not in it, so that jobs which are never put off
-- pay nothing. A row may outlast its use: whoever reads it looks whether its job still waits.
create table engine.put_off (
    shard smallint not null,
    job_id uuid not null,
    key text not null,
    put_off_at timestamptz not null default now(),
    primary key (shard, job_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create index put_off_by_key on engine.put_off (shard, key, job_id);

-- How long a connection has been failing, over all its openings in a row, and what was done about it.
alter table engine.breaker
    add column failing_since timestamptz,
    add column alarm text,
    add constraint alarm_known check (alarm in ('warned', 'suspended'));

-- What a person should look at is asked in one statement, by what was counted last: the view read every due job.
drop view engine.alert;

-- What becomes of one more job for a key that `holder` has: the `twin` rule's business. The key is locked,
-- and whoever claims or cancels the holder locks its row first and then the key: so that row is never waited
-- for. A row that somebody is taking away at this moment is as good as gone.
create or replace function engine.meet_twin(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, holder engine.key, out id uuid, out answer text
) language plpgsql as $$
declare
    rule text := coalesce(p_rest ->> 'twin', 'keep');
    queued boolean;
    scope text;
begin
    id := holder.job_id;
    answer := 'kept';
    if rule = 'keep' then
        return;
    end if;
    -- The lock holds off a claim, and is not in the way of a promotion.
    perform from engine.pending p where p.shard = p_shard and p.id = holder.job_id for key share skip locked;
    queued := found;
    if not queued and holder.expires_at is not null then
        -- It runs or has ended, and its key has a period: nothing is left to change.
        return;
    end if;
    if not queued then
        select j.unique_scope into scope from engine.job j where j.shard = p_shard and j.id = holder.job_id;
    end if;
    if scope = 'queued' then
        -- It is leaving the queue, and will find that the key is not its own any more.
        perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest);
        update engine.key k set job_id = p_id, follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
        id := p_id;
        answer := 'inserted';
        return;
    end if;
    if not queued and holder.follower_id is null then
        perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest, true);
        update engine.key k set follower_id = p_id
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
        id := p_id;
        answer := 'follows';
        return;
    end if;
    if not queued then
        id := holder.follower_id;
    end if;
    if rule = 'replace_args' then
        update engine.job j set args = p_args where j.shard = p_shard and j.id = meet_twin.id;
        answer := 'replaced';
    end if;
end $$;

-- The front door for SQL: enqueues one job in the caller's transaction.
--   select * from engine.enqueue('soundtrack.sync_zones', '{"company_id": 42}');
create or replace function engine.enqueue(
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
    -- Later than that, a time with its priority counted in is none that Postgres or a reader can hold.
    if delay > interval '1000 years' then
        raise exception 'delay: % is too long; expected at most 1000 years', delay using errcode = '22023';
    end if;
    if run_at < '1970-01-01Z' or run_at >= '9999-01-01Z' then
        raise exception 'run_at: % is out of range; expected from 1970-01-01 to before 9999-01-01', run_at using errcode = '22023';
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

-- A live job stands for a member of a batch: its end counts there. Returns 'watched', or how the job ended;
-- what is not on record any more counts as completed, and so does one whose key others may take as soon as it
-- runs. A job that holds no key gets one for the purpose, whose name no caller can give: whoever ends
-- the job passes it, as any key.
-- Locks the job, then that key, as those do who end it; several jobs in the order of their ids.
create function engine.stand_for(p_shard smallint, p_batch uuid, p_job uuid) returns text language plpgsql as $$
declare
    j engine.job;
    own text := chr(1) || 'stands:' || p_job;
    held text;
    word text;
begin
    select * into j from engine.job where shard = p_shard and id = p_job;
    if j.unique_scope = 'queued_or_running' then
        -- The enqueue that found it has the key's row locked.
        update engine.key k set watchers = array_append(k.watchers, p_batch)
        where k.shard = p_shard and k.kind = j.kind and k.key = 'unique:' || j.unique_key and k.job_id = p_job;
        if found then
            return 'watched';
        end if;
    elsif j.unique_scope is distinct from 'queued' then
        -- It may move on between two statements, each with a snapshot of its own.
        for look in 1 .. 100 loop
            update engine.pending set unique_key = own where shard = p_shard and id = p_job returning unique_key into held;
            if held is null then
                update engine.running set unique_key = own where shard = p_shard and id = p_job returning unique_key into held;
            end if;
            exit when held is not null or exists (select from engine.ended where shard = p_shard and id = p_job);
        end loop;
        if held is not null then
            insert into engine.key as k (shard, kind, key, job_id, watchers)
            values (p_shard, j.kind, 'unique:' || own, p_job, array[p_batch])
            on conflict (shard, kind, key) do update set watchers = array_append(k.watchers, p_batch);
            return 'watched';
        end if;
    end if;
    select state into word from engine.ended where shard = p_shard and id = p_job;
    return coalesce(word, 'completed');
end $$;
