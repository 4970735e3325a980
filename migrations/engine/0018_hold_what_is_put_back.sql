-- Two things that were let go of too early, and one that never was. A job of which one may be queued lost its unique key
-- with its claim and did not get it back when it was put off, so that in an outage each enqueue added one more. Tokens of
-- a lease that its own holder had let run out were forgotten when it took new ones. And a job that is unique for a period
-- held its key for ever when it took that over from one that was being claimed. A column that is null and takes no rewrite,
-- and function bodies: a moment's lock on engine.key.

-- Jobs that went back to the queue and found their key taken, in the order in which they hold it next.
set local lock_timeout = '5s';
alter table engine.key add column line uuid[];

-- Lets go of a held key: the first in line holds it next, or the follower, or nobody does. A job has this key and
-- ends: batches that wait for it learn how. A follower that ends before its turn makes room for another. The key is
-- locked before it is looked at: a twin may be about to follow.
create or replace function engine.pass_key(
    p_shard smallint, p_kind text, p_key text, p_id uuid, p_state engine.job_state default null
) returns void language plpgsql as $$
declare
    held engine.key;
    watcher uuid;
begin
    select * into held from engine.key k
    where k.shard = p_shard and k.kind = p_kind and k.key = 'unique:' || p_key for update;
    if p_id = any(held.line) then
        update engine.key k set line = nullif(array_remove(held.line, p_id), '{}')
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.follower_id = p_id then
        update engine.key k set follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.job_id is distinct from p_id then
        return;
    elsif held.line is not null then
        -- A follower goes to the end of the line: one that holds its key while queued has none.
        update engine.key k
        set
            job_id = held.line[1],
            line = nullif(array_remove(held.line[2:] || held.follower_id, null), '{}'),
            follower_id = null,
            watchers = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        -- At the time at which it was to come, which its rank has kept.
        update engine.pending p
        set
            state = 'available', due = p.rank_at - p.priority * interval '1 minute' <= now(),
            run_at = p.rank_at - p.priority * interval '1 minute', waiting_for = null
        where
            p.shard = p_shard and p.id = held.line[1] and p.state = 'waiting' and p.waiting_for = 'twin';
    elsif held.follower_id is not null then
        update engine.key k set job_id = held.follower_id, follower_id = null, watchers = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        -- A follower takes its own time again.
        update engine.pending p
        set state = 'available', due = j.run_at <= now(), run_at = j.run_at, waiting_for = null
        from engine.job j
        where
            p.shard = p_shard and p.id = held.follower_id and p.state = 'waiting' and p.waiting_for = 'twin'
            and j.shard = p.shard and j.id = p.id;
    elsif held.expires_at is null then
        delete from engine.key k where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    end if;
    if held.job_id = p_id and held.watchers is not null then
        for watcher in select unnest(held.watchers) order by 1 desc loop
            perform engine.end_members(
                p_shard, watcher, (p_state = 'completed')::integer, (p_state is null or p_state = 'cancelled')::integer,
                (p_state = 'dead')::integer
            );
        end loop;
    end if;
end $$;

-- The key that a job holds while it is queued, if it has such. One with finished steps is past that: a twin that comes
-- now asks for what it will not look at again.
create function engine.queued_key(p_shard smallint, p_id uuid) returns text language plpgsql stable as $$
begin
    return (
        select j.unique_key
        from engine.job j
        where
            j.shard = p_shard and j.id = p_id and j.unique_scope = 'queued'
            and not exists (select from engine.step s where s.shard = p_shard and s.job_id = p_id)
    );
end $$;

-- A job has gone back to the queue without an attempt that counts, and holds its key as before it was claimed. If a twin
-- has it by now, both are queued, and no third comes. Where the queue would take the twin first anyway, the job waits in
-- line for it, so that they are not claimed together; else it holds the key in front of the twin, which stays where it
-- is. A key of another scope is left alone. Locks the key alone; whoever claims or cancels the twin has
-- locked that before, and finds the line when it comes to the key.
create function engine.retake_key(p_shard smallint, p_kind text, p_key text, p_id uuid) returns void language plpgsql as $$
declare
    holder engine.key;
    own engine.pending;
    twin engine.pending;
    waits boolean;
begin
    holder := engine.take_key(p_shard, p_kind, 'unique:' || p_key, p_id, null, null);
    if holder.job_id <> p_id then
        select * into own from engine.pending p where p.shard = p_shard and p.id = p_id;
        select * into twin from engine.pending p where p.shard = p_shard and p.id = holder.job_id and p.unique_until_claim;
        if holder.expires_at is not null or own.id is null or twin.id is null then
            return;
        end if;
        waits := twin.run_at <= own.run_at and twin.rank_at <= own.rank_at and twin.queue = own.queue
            and twin.partition_key is not distinct from own.partition_key and not twin.ordered and not own.ordered;
        update engine.key k
        set
            job_id = case when waits then holder.job_id else p_id end,
            line = case when waits then holder.line || p_id else holder.job_id || holder.line end
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
    end if;
    update engine.pending p
    set
        unique_key = p_key, unique_until_claim = true,
        state = case when waits then 'waiting' else p.state end,
        due = p.due and waits is not true,
        run_at = case when waits then 'infinity' else p.run_at end,
        waiting_for = case when waits then 'twin' end
    where p.shard = p_shard and p.id = p_id;
end $$;

-- Whoever may pass keys on may take them again.
do $$
declare
    one record;
    made text;
begin
    foreach made in array array['engine.queued_key(smallint, uuid)', 'engine.retake_key(smallint, text, text, uuid)'] loop
        execute format('revoke all on function %s from public', made);
        for one in
            select (aclexplode(coalesce(proacl, acldefault('f', proowner)))).* from pg_proc
            where oid = 'engine.pass_key(smallint, text, text, uuid, engine.job_state)'::regprocedure
        loop
            execute format(
                'grant execute on function %s to %s', made,
                case when one.grantee = 0 then 'public' else one.grantee::regrole::text end
            );
        end loop;
    end loop;
end $$;

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
        if p_rest ->> 'unique_scope' = 'period' then
            -- Nobody passes on a key that is held for a period: those in line go on without it.
            update engine.key k
            set expires_at = now() + (p_rest ->> 'keep_ms')::bigint * interval '1 millisecond', line = null
            where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
            update engine.pending p
            set
                state = 'available', due = p.rank_at - p.priority * interval '1 minute' <= now(),
                run_at = p.rank_at - p.priority * interval '1 minute', waiting_for = null
            where p.shard = p_shard and p.id = any(holder.line) and p.state = 'waiting' and p.waiting_for = 'twin';
        end if;
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

-- Takes tokens of several budgets, all or nothing; rows are locked in the order of their keys. What is
-- granted may be spent once `wait_ms` have passed: until then it is still to come, which keeps those who
-- wait in the order of asking. Nothing granted: ask again after `wait_ms`, and never when that is null.
-- `p_wishes` is what those in line behind the call want; a full bucket gives a tenth second's refill.
create or replace function engine.reserve_tokens(
    p_shard smallint, p_holder uuid, p_keys text[], p_costs double precision[], p_wishes double precision[],
    p_patience_ms bigint, p_hold_ms bigint
) returns table (budget text, granted double precision, wait_ms double precision, spent double precision, refill double precision, capacity double precision)
language plpgsql as $$
#variable_conflict use_column
declare
    b engine.budget;
    v_at timestamptz;
    v_levels double precision[] := '{}';
    v_grants double precision[] := '{}';
    v_wait_s double precision := 0;
    v_come_s double precision := 0;
    v_leased double precision;
    v_level double precision;
    v_grant double precision;
    v_blocked_s double precision;
    v_refused boolean := false;
    v_never boolean := false;
    v_own_s double precision;
    v_waits double precision[] := '{}';
begin
    perform from engine.budget where shard = p_shard and key = any(p_keys) order by key for update;
    v_at := clock_timestamp();
    -- What the caller itself let run out counts as charged, before its new lease takes the old one's row: it may have
    -- spent them without a word.
    with lost as (
        delete from engine.budget_lease
        where shard = p_shard and key = any(p_keys) and holder = p_holder and lease_until <= v_at
        returning key, tokens
    )
    update engine.budget x
    set spent = x.spent + l.tokens, anchor_at = null
    from lost l
    where x.shard = p_shard and x.key = l.key and l.tokens > 0;
    for n in 1 .. cardinality(p_keys) loop
        select * into strict b from engine.budget where shard = p_shard and key = p_keys[n];
        v_leased := engine.budget_leased(p_shard, b.key, v_at);
        -- What others hold is at the remote still, which holds no more than its capacity.
        v_level := least(engine.budget_level(b, v_at), b.capacity - v_leased);
        v_blocked_s := greatest(0, coalesce(extract(epoch from b.blocked_until - v_at)::double precision, 0));
        if not b.level_known then
            v_grant := p_costs[n];
            v_refused := v_refused or v_leased > 0;
            v_own_s := greatest(v_blocked_s, case when v_leased > 0 then 0.05 else 0 end);
        elsif v_level >= p_costs[n] then
            v_grant := greatest(p_costs[n], least(v_level, greatest(p_wishes[n], b.refill_per_s / 10)));
            v_own_s := v_blocked_s;
        else
            v_grant := greatest(
                p_costs[n], least(p_wishes[n], v_level + engine.budget_refill(b, v_at) * p_patience_ms / 1000.0)
            );
            v_own_s := greatest(v_blocked_s, (v_grant - v_level) / engine.budget_refill(b, v_at));
        end if;
        v_never := v_never or p_costs[n] > b.capacity;
        v_levels := v_levels || v_level;
        v_grants := v_grants || v_grant;
        v_waits := v_waits || v_own_s;
        v_wait_s := greatest(v_wait_s, v_own_s);
    end loop;
    v_refused := v_refused or v_never or v_wait_s * 1000 > p_patience_ms;
    v_come_s := v_wait_s;
    for n in 1 .. cardinality(p_keys) loop
        select * into strict b from engine.budget where shard = p_shard and key = p_keys[n];
        if not v_refused then
            update engine.budget set tokens = v_levels[n] - v_grants[n], updated_at = v_at
            where shard = p_shard and key = b.key and level_known;
            insert into engine.budget_lease as l (shard, key, holder, tokens, lease_until)
            values (p_shard, b.key, p_holder, v_grants[n], v_at + p_hold_ms * interval '1 millisecond')
            on conflict (shard, key, holder) do update
            set tokens = excluded.tokens + l.tokens, lease_until = excluded.lease_until;
        elsif b.level_known and not v_never and v_waits[n] * 1000 > p_patience_ms then
            -- Each of those who are sent away gets a turn of its own; else all would come back at once,
            -- and all but one in vain. Two minutes at most: turns are lost when their jobs are. A budget
            -- that has what is asked keeps nobody waiting, however long its tokens take to come back.
            update engine.budget as x
            set queued_until = least(
                v_at + interval '2 minutes',
                greatest(
                    v_at + v_wait_s * interval '1 second',
                    coalesce(x.queued_until, v_at) + p_costs[n] / b.refill_per_s * interval '1 second'
                )
            )
            where shard = p_shard and key = b.key
            returning extract(epoch from x.queued_until - v_at)::double precision into v_level;
            v_come_s := greatest(v_come_s, v_level);
        end if;
    end loop;
    return query
        select
            x.key,
            case when v_refused then 0 else v_grants[array_position(p_keys, x.key)] end,
            case when v_never then null else ceil(1000 * v_come_s) end,
            x.spent, x.refill_per_s, x.capacity
        from engine.budget x
        where x.shard = p_shard and x.key = any(p_keys);
end $$;
