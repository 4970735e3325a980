-- Eras are emptied when what is in them has expired, and what is left of them is joined with their
-- neighbours', so that there are few. New functions: no locks. Whoever calls them sets lock_timeout: who waits
-- for a table has others wait behind it for as long.

-- How long ended jobs of a kind are kept, in ms: what the kind says, else what the fleet says. Null is for ever.
create function engine.kept_ms(
    p_state engine.job_state, k engine.kind, p_completed bigint, p_cancelled bigint, p_dead bigint
) returns bigint language sql immutable parallel safe as $$
    select nullif(greatest(case p_state
        when 'completed' then coalesce((k).keep_completed_ms, p_completed)
        when 'cancelled' then coalesce((k).keep_cancelled_ms, p_cancelled)
        else coalesce((k).keep_dead_ms, p_dead)
    end, -1), -1)
$$;

-- The jobs of an era that must stay: all that have not ended, and the ended that have not expired. At most so many.
create function engine.staying(
    p_shard smallint, p_name text, p_completed bigint, p_cancelled bigint, p_dead bigint, p_most bigint
) returns setof uuid language plpgsql as $$
declare
    low uuid;
    high uuid;
    -- Nearly all have completed, and nearly all kinds say nothing of their own: these are told apart at once.
    plain_until timestamptz := now() - p_completed * interval '1 millisecond';
    special text[] := array(select name from engine.kind where keep_completed_ms is not null);
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
            where kept is null or ended_at >= now() - kept * interval ''1 millisecond''
        ) limit $7',
        'ended_' || p_name
    ) using p_shard, low, high, p_completed, p_cancelled, p_dead, p_most, plain_until, special;
end $$;

-- Tells those who count what goes from an era, which is all but `era_stays`: truncating fires no trigger.
create function engine.tally_era(p_shard smallint, p_name text) returns bigint language plpgsql as $$
declare
    gone bigint;
begin
    execute format(
        'with jobs as (
            select queue, kind, state, count(*) as gone from engine.%1$I where shard = $1 group by queue, kind, state
            union all
            select e.queue, e.kind, e.state, -count(*)
            from era_stays s
            join engine.%1$I e on e.shard = $1 and e.id = s.id
            group by e.queue, e.kind, e.state
        ),
        tallied as (
            insert into engine.tally (shard, minute_at, queue, kind, state, bucket, ended, stock, sum_ms, most_ms)
            select $1, date_bin(''1 minute'', now(), ''epoch''), queue, kind, state::text, -1, 0, -sum(gone), 0, 0
            from jobs
            group by queue, kind, state
            having sum(gone) > 0
            returning stock
        )
        select coalesce(-sum(stock), 0)::bigint from tallied',
        'ended_' || p_name
    ) into gone using p_shard;
    execute format(
        'with letters as materialized (
            select fingerprint, count(*) as gone
            from engine.%I e
            where
                shard = $1 and state = ''dead'' and fingerprint is not null
                and not exists (select from era_stays s where s.id = e.id)
            group by fingerprint
        ),
        held as materialized (
            -- In the order of all who count.
            select g.fingerprint
            from engine.dead_group g
            where g.shard = $1 and g.fingerprint in (select fingerprint from letters)
            order by g.fingerprint
            for update
        )
        update engine.dead_group g
        set dead = greatest(g.dead - l.gone, 0)
        from letters l
        join held h on h.fingerprint = l.fingerprint
        where g.shard = $1 and g.fingerprint = l.fingerprint',
        'ended_' || p_name
    ) using p_shard;
    return gone;
end $$;

-- Puts the jobs of `era_stays` aside, truncates an era's tables and puts them back.
create function engine.truncate_era(p_shard smallint, p_name text) returns void language plpgsql as $$
declare
    one record;
    leaves text;
begin
    for one in select * from engine.divided() loop
        -- A union of walks: the rows of other shards are not looked for among all.
        execute format(
            'create temp table %1$I on commit drop as
             select t.* from era_stays s join engine.%2$I t on t.shard = %3$s and t.%4$I = s.id
             union all
             select t.* from engine.%2$I t where t.shard < %3$s
             union all
             select t.* from engine.%2$I t where t.shard > %3$s',
            'aside_' || one.name, one.name || '_' || p_name, p_shard, one.key
        );
    end loop;
    select string_agg(format('engine.%I', d.name || '_' || p_name), ', ') into leaves from engine.divided() d;
    execute 'truncate ' || leaves;
    for one in select * from engine.divided() loop
        -- The summaries by time want rows in the order of their ends.
        execute format(
            'insert into engine.%I select * from %I %s', one.name || '_' || p_name, 'aside_' || one.name,
            case when one.name = 'ended' then 'order by ended_at' else '' end
        );
        execute format('drop table %I', 'aside_' || one.name);
    end loop;
end $$;

-- Empties an era that is over: what may go is truncated away, what must stay (at most p_most jobs) is put
-- back. All in the caller's transaction. First only ends of this era's jobs are held off, for as long as it
-- takes to read them; then, for the moment of truncating, all uses. The answer is `emptied`; `many` stay, and
-- nothing was done; or null: another process is at it, or was.
create function engine.empty_era(
    p_shard smallint, p_name text, p_completed bigint, p_cancelled bigint, p_dead bigint, p_most bigint,
    out answer text, out gone bigint, out stayed bigint
) language plpgsql as $$
declare
    low uuid;
    high uuid;
    leaves text;
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high
    from engine.era e
    where e.name = p_name and e.emptied_at is null and e.until_at <= now()
    for update skip locked;
    if not found then
        return;
    end if;
    -- What has ended stays ended, and what has not cannot: whatever else moves meanwhile is looked for again.
    execute format('lock table engine.%I in share mode', 'ended_' || p_name);
    create temp table era_stays (id uuid primary key) on commit drop;
    insert into era_stays
    select s.id from engine.staying(p_shard, p_name, p_completed, p_cancelled, p_dead, p_most + 1) s (id)
    on conflict do nothing;
    select count(*) into stayed from era_stays;
    if stayed > p_most then
        drop table era_stays;
        answer := 'many';
        return;
    end if;
    analyze era_stays;
    gone := engine.tally_era(p_shard, p_name);
    select string_agg(format('engine.%I', d.name || '_' || p_name), ', ') into leaves from engine.divided() d;
    execute 'lock table ' || leaves || ' in access exclusive mode';
    -- From here on others wait, and no plan is left to statistics.
    perform set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) name;
    -- A job that was enqueued with an old id meanwhile. It cannot have ended.
    insert into era_stays
    select id from engine.pending where shard = p_shard and id >= low and id < high
    union
    select id from engine.running where shard = p_shard and id >= low and id < high
    on conflict do nothing;
    select count(*) into stayed from era_stays;
    perform engine.truncate_era(p_shard, p_name);
    drop table era_stays;
    update engine.era set emptied_at = now() where name = p_name;
    answer := 'emptied';
end $$;

-- Deletes what had hung on jobs of an emptied era, at most p_limit rows of each table; returns how many. A job
-- is there before anything that hangs on it, so one look is enough.
create function engine.sweep_era(p_shard smallint, p_name text, p_limit bigint) returns bigint language plpgsql as $$
declare
    low uuid;
    high uuid;
    swept bigint := 0;
    deleted bigint;
    one record;
begin
    select engine.first_id(e.from_at), engine.first_id(e.until_at) into low, high from engine.era e where e.name = p_name;
    for one in
        values ('step', 'job_id'), ('signal', 'job_id'), ('flow', 'job_id'), ('batch', 'owner_id'), ('partition_block', 'job_id')
    loop
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

-- The oldest two neighbours of which the younger or else the older can be taken up by the other: both are
-- over, emptied and swept, and no more than p_most rows of a table would move.
create function engine.neighbours(p_most bigint, out goes text, out stays text) language plpgsql as $$
declare
    one record;
    moved bigint;
begin
    for one in
        select a.name as older, b.name as younger, a.until_at, b.from_at, n.goes, n.stays
        from engine.era a
        join engine.era b on b.from_at = (select min(c.from_at) from engine.era c where c.from_at > a.from_at)
        cross join lateral (values (1, b.name, a.name), (2, a.name, b.name)) n (rank, goes, stays)
        where a.swept_at is not null and b.swept_at is not null and b.until_at <= now()
        order by a.from_at, n.rank
    loop
        execute format(
            'select greatest(
                (select count(*) from (select from engine.%I limit $1 + 1) j),
                (select count(*) from (select from engine.%I limit $1 + 1) a),
                (select count(*) from (select from engine.%I limit $1 + 1) l),
                (select count(*) from (
                    select from engine.job_other where id >= engine.first_id($2) and id < engine.first_id($3) limit $1 + 1
                ) o)
            )', 'job_' || one.goes, 'attempt_' || one.goes, 'attempt_log_' || one.goes
        ) into moved using p_most, one.until_at, one.from_at;
        if moved <= p_most then
            goes := one.goes;
            stays := one.stays;
            return;
        end if;
    end loop;
end $$;

-- The bounds of an era's tables once it has taken up a neighbour, as checks that hold for new rows at once. Proven
-- by prove_bounds while others read and write, they spare the reading under the locks of join_eras.
create function engine.add_bounds(p_goes text, p_stays text) returns void language plpgsql as $$
declare
    low timestamptz;
    high timestamptz;
    one record;
begin
    select min(from_at), max(until_at) into low, high from engine.era where name in (p_goes, p_stays);
    for one in select * from engine.divided() loop
        execute format('alter table engine.%I drop constraint if exists within_era', one.name || '_' || p_stays);
        execute format(
            'alter table engine.%I add constraint within_era check (%s) not valid', one.name || '_' || p_stays,
            case when low > '-infinity' then format('%I >= %L and ', one.key, engine.first_id(low)) else '' end
            || format('%I < %L', one.key, engine.first_id(high))
        );
    end loop;
end $$;

create function engine.prove_bounds(p_stays text) returns void language plpgsql as $$
declare
    one record;
begin
    for one in select * from engine.divided() loop
        execute format('alter table engine.%I validate constraint within_era', one.name || '_' || p_stays);
    end loop;
end $$;

-- Moves what is left of an era into its neighbour, which takes up its time, and drops its tables. For this moment the
-- divided tables are locked for all uses. False when the two are not as neighbours() has found them
-- any more, or another process is at it.
create function engine.join_eras(p_goes text, p_stays text, p_most bigint) returns boolean language plpgsql as $$
declare
    low timestamptz;
    high timestamptz;
    leaf text;
    bounds text;
    one record;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('engine era', 0)) then
        return false;
    end if;
    perform from engine.era where name in (p_goes, p_stays) order by name for update;
    if (p_goes, p_stays) is distinct from (select (n.goes, n.stays) from engine.neighbours(p_most) n) then
        return false;
    end if;
    select min(from_at), max(until_at) into low, high from engine.era where name in (p_goes, p_stays);
    for one in select * from engine.divided() loop
        execute format('lock table engine.%I in access exclusive mode', one.name);
    end loop;
    for one in select * from engine.divided() loop
        leaf := one.name || '_' || p_stays;
        execute format('alter table engine.%I detach partition engine.%I', one.name, one.name || '_' || p_goes);
        execute format('alter table engine.%I detach partition engine.%I', one.name, leaf);
        execute format('insert into engine.%I select * from engine.%I', leaf, one.name || '_' || p_goes);
        execute format(
            'with strays as (delete from engine.%1$I where %2$I >= %3$L and %2$I < %4$L returning *) insert into engine.%5$I select * from strays',
            one.name || '_other', one.key, engine.first_id(low), engine.first_id(high), leaf
        );
        execute format('drop table engine.%I', one.name || '_' || p_goes);
        bounds := case when low = '-infinity' then 'minvalue' else quote_literal(engine.first_id(low)) end;
        execute format(
            'alter table engine.%I attach partition engine.%I for values from (%s) to (%L)',
            one.name, leaf, bounds, engine.first_id(high)
        );
        execute format('alter table engine.%I drop constraint if exists within_era', leaf);
    end loop;
    delete from engine.era where name = p_goes;
    update engine.era set from_at = low, until_at = high where name = p_stays;
    return true;
end $$;
