-- What a kind limited per connection needs, retention that leaves what blocks a partition, and an engine.enqueue that says
-- as much as the other ways. Why one file: the functions are small. New columns take no rewrite: engine.kind is
-- locked for a moment.
set local lock_timeout = '5s';

-- The jobs of an era that must stay: all that have not ended, the ended that have not expired, and the dead that hold
-- up their partition. At most so many.
create or replace function engine.staying(
    p_shard smallint, p_name text, p_completed bigint, p_cancelled bigint, p_dead bigint, p_most bigint
) returns setof uuid language plpgsql as $$
declare
    low uuid;
    high uuid;
    -- Nearly all have completed, and nearly all kinds say nothing of their own: these are told apart at once.
    plain_until timestamptz := now() - p_completed * interval '1 millisecond';
    special text[] := array(select name from engine.kind where keep_completed_ms is not null);
    blocks uuid[] := array(select job_id from engine.partition_block where shard = p_shard);
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high from engine.era e where e.name = p_name;
    if not found then
        return;
    end if;
    return query execute format(
        '(
            select id from engine.pending where shard = $1 and id >= $2 and id < $3
            union all
            select id from engine.running where shard = $1 and id >= $2 and id < $3
            union all
            select id
            from (
                select e.id, e.ended_at, engine.kept_ms(e.state, k, $4, $5, $6) as kept
                from engine.%I e
                left join engine.kind k on k.name = e.kind
                where e.shard = $1 and (e.state = ''completed'' and e.ended_at < $8 and e.kind <> all($9)) is not true
            ) e
            where kept is null or ended_at >= now() - kept * interval ''1 millisecond'' or id = any($10)
        ) limit $7',
        'ended_' || p_name
    ) using p_shard, low, high, p_completed, p_cancelled, p_dead, p_most, plain_until, special, blocks;
end $$;

-- Deletes what had hung on jobs of an emptied era, at most p_limit rows of each table; returns how many. A job
-- is there before anything that hangs on it, so one look is enough. What blocks a partition stayed with its job.
create or replace function engine.sweep_era(p_shard smallint, p_name text, p_limit bigint) returns bigint language plpgsql as $$
declare
    low uuid;
    high uuid;
    swept bigint := 0;
    deleted bigint;
    one record;
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high from engine.era e where e.name = p_name;
    for one in values ('step', 'job_id'), ('signal', 'job_id'), ('flow', 'job_id'), ('batch', 'owner_id') loop
        execute format(
            'delete from engine.%1$I where shard = $1 and ctid = any(array(
                 select t.ctid
                 from engine.%1$I t
                 where
                     t.shard = $1 and t.%2$I >= $2 and t.%2$I < $3
                     and not exists (select from engine.job j where j.shard = $1 and j.id = t.%2$I)
                 limit $4
                 for update skip locked
             ))', one.column1, one.column2
        ) using p_shard, low, high, p_limit;
        get diagnostics deleted = row_count;
        swept := swept + deleted;
    end loop;
    return swept;
end $$;

-- What the retention of before left of dead jobs that it took away, and their partitions go on as they did.
delete from engine.partition_block b
where not exists (select from engine.job j where j.shard = b.shard and j.id = b.job_id);

-- A kind that is limited per connection: the partition key of its jobs is their first rate key, and partition_running the
-- limit. When limits last changed, so that jobs are looked through only then.
alter table engine.kind
    add column by_connection boolean not null default false,
    add column limits_changed_at timestamptz;
update engine.kind set limits_changed_at = now() where limited;

-- The partition key of a job of a kind that is limited per connection. Raises what its enqueue should say instead.
create function engine.connection_of(p_kind text, p_rest jsonb) returns text language plpgsql stable as $$
declare
    connection text := p_rest -> 'rate_keys' ->> 0;
begin
    if connection is null then
        raise exception 'kind % is limited per connection: give the job a rate key, its connection first', p_kind
            using errcode = '22023';
    end if;
    if p_rest ->> 'partition_key' <> connection and not p_rest ? 'partition_yields' then
        raise exception 'kind % is limited per connection, so its jobs have no partition key of their own: leave it out, the first rate key stands for it', p_kind
            using errcode = '22023';
    end if;
    return connection;
end $$;

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
        p_rest ->> 'unique_key', p_rest ->> 'unique_scope', p_rest ->> 'idempotency_key',
        case when policy.by_connection then engine.connection_of(p_kind, p_rest) else p_rest ->> 'partition_key' end,
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

-- Who may call engine.enqueue, which is made anew below.
create temp table enqueue_callers on commit drop as
select (aclexplode(coalesce(proacl, acldefault('f', proowner)))).* from pg_proc
where pronamespace = 'engine'::regnamespace and proname = 'enqueue';

-- Refuses a word that Rust and HTTP would.
create function engine.check_word(p_what text, p_word text, p_longest integer) returns void language plpgsql immutable as $$
begin
    if octet_length(p_word) not between 1 and p_longest or p_word ~ '[[:cntrl:]]' then
        raise exception '%: expected 1 to % bytes without control characters', p_what, p_longest using errcode = '22023';
    end if;
end $$;

-- Refuses a backoff that no worker could read: a claim of such a job would fail, and with it those it is claimed with.
create function engine.check_backoff(p_backoff jsonb) returns void language plpgsql immutable as $$
begin
    if
        (
            jsonb_typeof(p_backoff) = 'object'
            and p_backoff - '{base_ms,factor,max_ms}'::text[] = '{}'
            -- Whole numbers as they are written, up to a year.
            and p_backoff ->> 'base_ms' ~ '^[1-9][0-9]{0,10}$' and (p_backoff ->> 'base_ms')::bigint <= 31536000000
            and p_backoff ->> 'max_ms' ~ '^[1-9][0-9]{0,10}$' and (p_backoff ->> 'max_ms')::bigint <= 31536000000
            and jsonb_typeof(p_backoff -> 'base_ms') = 'number' and jsonb_typeof(p_backoff -> 'max_ms') = 'number'
            and jsonb_typeof(p_backoff -> 'factor') = 'number' and (p_backoff ->> 'factor')::numeric between 1 and 100
        ) is not true
    then
        raise exception 'backoff: expected {"base_ms": 10000, "factor": 2, "max_ms": 3600000}, spans of 1 ms to a year and a factor of 1 to 100'
            using errcode = '22023';
    end if;
end $$;

-- The front door for SQL: enqueues one job in the caller's transaction.
--   select * from engine.enqueue('soundtrack.sync_zones', '{"company_id": 42}', rate_keys => '{soundtrack/default}');
drop function engine.enqueue(
    text, jsonb, text, integer, timestamptz, interval, integer, text[], text, text, interval, text, text, text
);
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
    -- The connection first: budgets and breakers hold jobs by these, and no others.
    rate_keys text[] default null,
    timeout interval default null,
    -- {"base_ms": 10000, "factor": 2, "max_ms": 3600000}
    backoff jsonb default null,
    -- The W3C traceparent of whoever asks.
    trace_context text default null,
    out id uuid,
    out answer text
) language plpgsql as $$
declare
    rest jsonb;
    word text;
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
    perform engine.check_word('partition_key', partition_key, 200);
    if array_position(rate_keys, null) is not null then
        raise exception 'rate_keys: one of them is null' using errcode = '22023';
    end if;
    foreach word in array coalesce(rate_keys, '{}') loop
        perform engine.check_word('rate_keys', word, 200);
    end loop;
    if timeout <= interval '0' or timeout > interval '7 days' then
        raise exception 'timeout: expected more than nothing and at most 7 days, not %', timeout using errcode = '22023';
    end if;
    if backoff is not null then
        perform engine.check_backoff(backoff);
    end if;
    if trace_context !~ '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then
        raise exception 'trace_context: expected a W3C traceparent, as 00-<32 hex digits>-<16 hex digits>-01' using errcode = '22023';
    end if;
    rest := jsonb_strip_nulls(jsonb_build_object(
        'tags', to_jsonb(tags),
        'unique_key', unique_key,
        'unique_scope', case when unique_key is not null then unique_scope end,
        'twin', twin,
        'idempotency_key', idempotency_key,
        'keep_ms', (extract(epoch from coalesce(unique_period, '1 day')) * 1000)::bigint,
        'partition_key', partition_key,
        'rate_keys', to_jsonb(nullif(rate_keys, '{}')),
        'timeout_ms', ceil(extract(epoch from timeout) * 1000)::bigint,
        'backoff', backoff,
        'trace_context', trace_context,
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

do $$
declare
    made text;
    one record;
begin
    foreach made in array array[
        'engine.enqueue(text, jsonb, text, integer, timestamptz, interval, integer, text[], text, text, interval, text, text, text, '
        'text[], interval, jsonb, text)',
        'engine.connection_of(text, jsonb)', 'engine.check_word(text, text, integer)', 'engine.check_backoff(jsonb)'
    ] loop
        execute format('revoke all on function %s from public', made);
        for one in select * from enqueue_callers where privilege_type = 'EXECUTE' loop
            execute format(
                'grant execute on function %s to %s %s', made,
                case when one.grantee = 0 then 'public' else one.grantee::regrole::text end,
                case when one.is_grantable then 'with grant option' else '' end
            );
        end loop;
    end loop;
end $$;
