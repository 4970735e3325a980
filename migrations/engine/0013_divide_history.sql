-- History in eras: engine.job, engine.ended, engine.attempt and engine.attempt_log are partitioned by time
-- along the job id, which is a UUIDv7, with the same bounds. Why: what has expired goes by truncating a
-- partition, 1.7 s a million jobs and no dead row, where deleting them took 85 s and left as many rows for
-- vacuum. Locks: the four tables, for all uses, until this has committed. What is there becomes the first
-- partition as it is, with its indexes, and is read twice to prove its bounds: 0.7 to 1 s a million jobs on
-- a busy machine of two cores. The primary keys stay (shard, id). Other roles' rights on the tables are
-- carried over; publications are not. Only the owner of the tables can make and empty eras.

-- The partitions there are: each is a table `…_name` of every divided one. Beside them stands `other`, for
-- ids of no era: of a far future, of a gap between two, or made otherwise than by time.
create table engine.era (
    name text primary key,
    from_at timestamptz not null unique,
    until_at timestamptz not null,
    -- What had expired is gone; what was left goes job by job from now on.
    emptied_at timestamptz,
    -- So is what had hung on it in other tables.
    swept_at timestamptz,
    -- It becomes a part of tables' names.
    constraint name_is_plain check (name ~ '^[a-z0-9_]+$'),
    constraint era_has_a_length check (from_at < until_at)
);

-- Null is what `[retention]` says, below nothing is for ever.
alter table engine.kind
    add column keep_completed_ms bigint,
    add column keep_cancelled_ms bigint,
    add column keep_dead_ms bigint;

-- The first id of an instant.
create function engine.first_id(at timestamptz) returns uuid language sql immutable parallel safe as $$
    select case
        when at = '-infinity' then '00000000-0000-0000-0000-000000000000'
        else (lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
    end
$$;

-- The instant of an id.
create function engine.instant_of(id uuid) returns timestamptz language sql immutable parallel safe as $$
    select to_timestamp(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0)
$$;

-- Tables that are divided by eras, and the column that holds the job's id. In the order in which they are locked.
create function engine.divided() returns table (name text, key text) language sql immutable as $$
    values ('attempt', 'job_id'), ('attempt_log', 'job_id'), ('ended', 'id'), ('job', 'id')
$$;

-- Indexes of partitions are called as those of their table, with the partition's name.
create function engine.name_indexes(p_table text, p_leaf text) returns void language plpgsql as $$
declare
    one record;
begin
    for one in
        select i.indexrelid::regclass as own, regexp_replace(pc.relname, '^' || p_table, p_leaf) as name, ic.relname as was
        from pg_index i
        join pg_class ic on ic.oid = i.indexrelid
        join pg_inherits h on h.inhrelid = i.indexrelid
        join pg_class pc on pc.oid = h.inhparent
        where i.indrelid = ('engine.' || p_leaf)::regclass
    loop
        if one.name <> one.was then
            execute format('alter index %s rename to %I', one.own, one.name);
        end if;
    end loop;
end $$;

-- Makes a table the first partition of a new one of its name.
create function engine.divide(p_table text, p_key text, p_until timestamptz) returns void language plpgsql as $$
declare
    past text := p_table || '_past';
    other text := p_table || '_other';
    one record;
    triggers text[];
begin
    execute format('lock table engine.%I in access exclusive mode', p_table);
    execute format('alter table engine.%I rename to %I', p_table, past);
    for one in
        select c.relname as was, regexp_replace(c.relname, '^' || p_table, past) as name
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = ('engine.' || past)::regclass
    loop
        execute format('alter index engine.%I rename to %I', one.was, one.name);
    end loop;
    execute format('create table engine.%I (like engine.%I including all) partition by range (%I)', p_table, past, p_key);
    execute format('create table engine.%I (like engine.%I including all)', other, past);
    -- Triggers of statements belong to the table that the statement names.
    select array_agg(replace(pg_get_triggerdef(t.oid), ' ON engine.' || past || ' ', ' ON engine.' || p_table || ' ') order by t.tgname)
    into triggers
    from pg_trigger t
    where t.tgrelid = ('engine.' || past)::regclass and not t.tgisinternal;
    for one in
        select t.tgname from pg_trigger t where t.tgrelid = ('engine.' || past)::regclass and not t.tgisinternal
    loop
        execute format('drop trigger %I on engine.%I', one.tgname, past);
    end loop;
    execute format(
        'with astray as (delete from engine.%I where %I >= %L returning *) insert into engine.%I select * from astray',
        past, p_key, engine.first_id(p_until), other
    );
    execute format(
        'alter table engine.%I attach partition engine.%I for values from (minvalue) to (%L)',
        p_table, past, engine.first_id(p_until)
    );
    -- The new table's indexes take the names that the old one's had.
    for one in
        select h.inhparent::regclass as own, regexp_replace(c.relname, '^' || past, p_table) as name
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        join pg_inherits h on h.inhrelid = i.indexrelid
        where i.indrelid = ('engine.' || past)::regclass
    loop
        if one.own::text <> 'engine.' || one.name then
            execute format('alter index %s rename to %I', one.own, one.name);
        end if;
    end loop;
    execute format('alter table engine.%I attach partition engine.%I default', p_table, other);
    perform engine.name_indexes(p_table, other);
    for one in select unnest(triggers) as definition loop
        execute one.definition;
    end loop;
    for one in
        select x.privilege_type, x.is_grantable, case when x.grantee = 0 then 'public' else x.grantee::regrole::text end as grantee
        from pg_class c
        cross join lateral aclexplode(c.relacl) x
        where c.oid = ('engine.' || past)::regclass and x.grantee <> c.relowner
    loop
        execute format(
            'grant %s on engine.%I to %s%s', one.privilege_type, p_table, one.grantee,
            case when one.is_grantable then ' with grant option' else '' end
        );
    end loop;
end $$;

-- Makes the era behind the last one, up to p_until; returns its name, or null when another process is at
-- it. After a time in which nobody made any, one era takes up the whole gap. Jobs of it that had to go to
-- `other` move into it; when they are more than p_most, they stay there, and the era begins behind them.
-- Attaching holds `other` for all uses and reads it.
create function engine.add_era(p_until timestamptz, p_most bigint) returns text language plpgsql as $$
declare
    last engine.era;
    begin_at timestamptz;
    end_at timestamptz := p_until;
    suffix text;
    leaf text;
    settings text;
    strays bigint;
    stray uuid;
    one record;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('engine era', 0)) then
        return null;
    end if;
    select * into last from engine.era order by until_at desc limit 1;
    begin_at := last.until_at;
    if begin_at >= end_at then
        return null;
    end if;
    for one in select * from engine.divided() loop
        execute format('lock table engine.%I in access exclusive mode', one.name || '_other');
    end loop;
    loop
        select count(*), max(id::text)::uuid into strays, stray
        from engine.job_other
        where id >= engine.first_id(begin_at) and id < engine.first_id(end_at);
        exit when strays <= p_most;
        begin_at := date_trunc('hour', engine.instant_of(stray), 'UTC') + interval '1 hour';
        end_at := greatest(end_at, begin_at + interval '1 hour');
    end loop;
    suffix := to_char(begin_at at time zone 'UTC', 'YYYYMMDD"_"HH24');
    for one in select * from engine.divided() loop
        leaf := one.name || '_' || suffix;
        execute format('create table engine.%I (like engine.%I including all)', leaf, one.name);
        -- As an operator has set them on the era before: a divided table has none of its own.
        select array_to_string(c.reloptions, ', ') into settings
        from pg_class c
        where c.oid = to_regclass(format('engine.%I', one.name || '_' || last.name));
        if settings <> '' then
            execute format('alter table engine.%I set (%s)', leaf, settings);
        end if;
        execute format(
            'with strays as (delete from engine.%1$I where %2$I >= %3$L and %2$I < %4$L returning *) insert into engine.%5$I select * from strays',
            one.name || '_other', one.key, engine.first_id(begin_at), engine.first_id(end_at), leaf
        );
        execute format(
            'alter table engine.%I attach partition engine.%I for values from (%L) to (%L)',
            one.name, leaf, engine.first_id(begin_at), engine.first_id(end_at)
        );
        perform engine.name_indexes(one.name, leaf);
    end loop;
    insert into engine.era (name, from_at, until_at) values (suffix, begin_at, end_at);
    return suffix;
end $$;

-- From the next hour on jobs go to eras of their own.
insert into engine.era (name, from_at, until_at)
values ('past', '-infinity', date_trunc('hour', now(), 'UTC') + interval '1 hour');

select engine.divide(d.name, d.key, e.until_at) from engine.era e cross join engine.divided() d;

drop function engine.divide(text, text, timestamptz);

select engine.add_era(date_trunc('hour', now(), 'UTC') + interval '25 hours', 5000);

-- The same view over the divided tables.
create or replace view engine.job_status as
select
    j.shard, j.id, j.kind, s.queue, s.state, s.priority, s.run_at, s.attempt, s.failed, s.crashes,
    s.max_attempts, s.worker_id, s.started_at, s.lease_until, s.cancel_requested, s.waiting_for,
    s.ended_at, s.outcome, s.code, s.error, s.result,
    j.args, j.created_at, j.timeout_ms, j.backoff, j.tags, j.unique_key, j.unique_scope, j.idempotency_key,
    j.partition_key, j.parent_id, j.batch_id, j.replayed_from, j.trace_context, j.asked_by
from engine.job j
cross join lateral (
    select
        p.queue, p.state, p.priority,
        -- A wait without a limit has no time of its own.
        case when p.run_at = 'infinity' then j.run_at else p.run_at end as run_at,
        p.attempt, p.failed, p.crashes, p.max_attempts,
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
