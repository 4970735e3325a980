-- What limits the whole fleet towards a remote: rate budgets and breakers. New tables and functions: no
-- locks. The database's clock decides, and is read after the row's lock was waited for.

-- One bucket of one remote credential.
create table engine.budget (
    shard smallint not null,
    key text not null,
    capacity double precision not null,
    refill_per_s double precision not null,
    -- What headers prove of the refill is believed up to here.
    refill_ceiling_per_s double precision not null,
    -- A lower bound of what the remote holds, less all that is leased. Below nothing while calls hold
    -- tokens that are still to come.
    tokens double precision not null,
    updated_at timestamptz not null default now(),
    -- Until a reading has told the level, one call goes at a time.
    level_known boolean not null,
    blocked_until timestamptz,
    -- After a refusal the refill counts half, and creeps back until then.
    slowed_until timestamptz,
    -- The last turn given to those who were told to come back.
    queued_until timestamptz,
    -- All tokens ever spent, for telling what a reading has not seen yet.
    spent double precision not null default 0,
    refusals bigint not null default 0,
    source text not null default 'config',
    -- An earlier reading: with a later one it proves a refill rate.
    anchor_at timestamptz,
    anchor_tokens double precision,
    anchor_spent double precision,
    anchor_leased double precision,
    primary key (shard, key),
    constraint key_bounded check (length(key) between 1 and 200),
    constraint capacity_positive check (capacity > 0),
    constraint refill_positive check (refill_per_s > 0 and refill_ceiling_per_s > 0),
    constraint source_known check (source in ('config', 'header', 'person'))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Tokens a process has taken and may still spend. A process that dies leaves its lease to run out, and
-- its tokens are lost: spending too little is safe.
create table engine.budget_lease (
    shard smallint not null,
    key text not null,
    holder uuid not null,
    tokens double precision not null,
    lease_until timestamptz not null,
    primary key (shard, key, holder)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Whether a connection's remote is thought to work. A connection is known by its rate key.
create table engine.breaker (
    shard smallint not null,
    connection text not null,
    state text not null default 'closed',
    -- The fence: every change names the version it was decided on.
    version bigint not null default 0,
    -- Calls that ended well and badly, in the present half of the window and in the one before.
    half_began_at timestamptz not null default now(),
    good_now integer not null default 0,
    bad_now integer not null default 0,
    good_before integer not null default 0,
    bad_before integer not null default 0,
    -- Openings in a row, each longer than the one before.
    opens integer not null default 0,
    opened_at timestamptz,
    -- Null while open: until a person closes it.
    open_until timestamptz,
    probe_job uuid,
    probe_until timestamptz,
    -- Since when, after an opening, jobs are let through 1, 2, 4, … a second.
    ramp_since timestamptz,
    ramp_second integer not null default 0,
    ramp_taken integer not null default 0,
    forced_by text,
    forced_at timestamptz,
    reason text,
    changed_at timestamptz not null default now(),
    primary key (shard, connection),
    constraint connection_bounded check (length(connection) between 1 and 200),
    constraint state_known check (state in ('closed', 'open', 'half_open')),
    constraint open_without_end_is_forced check (state <> 'open' or open_until is not null or forced_by is not null),
    constraint probe_only_half_open check (probe_job is null or state = 'half_open'),
    constraint probe_has_lease check ((probe_job is null) = (probe_until is null))
) with (fillfactor = 50);

-- Tokens a second that are counted on at an instant.
create function engine.budget_refill(b engine.budget, p_at timestamptz) returns double precision
language sql immutable as $$
    select b.refill_per_s * (
        1 - 0.5 * least(1, greatest(0, coalesce(extract(epoch from b.slowed_until - p_at)::double precision, 0) / 300))
    )
$$;

-- The level at an instant. The refill rises to its full rate and stays there, so that the mean of its
-- two ends is never too much.
create function engine.budget_level(b engine.budget, p_at timestamptz) returns double precision
language sql immutable as $$
    select least(
        b.capacity,
        b.tokens + greatest(0, extract(epoch from p_at - b.updated_at)::double precision)
            * (engine.budget_refill(b, b.updated_at) + engine.budget_refill(b, p_at)) / 2
    )
$$;

create function engine.budget_leased(p_shard smallint, p_key text, p_at timestamptz) returns double precision
language sql stable as $$
    select coalesce(sum(tokens), 0)
    from engine.budget_lease
    where shard = p_shard and key = p_key and lease_until > p_at
$$;

-- Takes tokens of several budgets, all or nothing; rows are locked in the order of their keys. What is
-- granted may be spent once `wait_ms` have passed: until then it is still to come, which keeps those who
-- wait in the order of asking. Nothing granted: ask again after `wait_ms`, and never when that is null.
-- `p_wishes` is what those in line behind the call want; a full bucket gives a tenth second's refill.
create function engine.reserve_tokens(
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
begin
    perform from engine.budget where shard = p_shard and key = any(p_keys) order by key for update;
    v_at := clock_timestamp();
    for n in 1 .. cardinality(p_keys) loop
        select * into strict b from engine.budget where shard = p_shard and key = p_keys[n];
        v_leased := engine.budget_leased(p_shard, b.key, v_at);
        -- What others hold is at the remote still, which holds no more than its capacity.
        v_level := least(engine.budget_level(b, v_at), b.capacity - v_leased);
        v_blocked_s := greatest(0, coalesce(extract(epoch from b.blocked_until - v_at)::double precision, 0));
        if not b.level_known then
            v_grant := p_costs[n];
            v_refused := v_refused or v_leased > 0;
            v_wait_s := greatest(v_wait_s, v_blocked_s, case when v_leased > 0 then 0.05 else 0 end);
        elsif v_level >= p_costs[n] then
            v_grant := greatest(p_costs[n], least(v_level, greatest(p_wishes[n], b.refill_per_s / 10)));
            v_wait_s := greatest(v_wait_s, v_blocked_s);
        else
            v_grant := greatest(
                p_costs[n], least(p_wishes[n], v_level + engine.budget_refill(b, v_at) * p_patience_ms / 1000.0)
            );
            v_wait_s := greatest(v_wait_s, v_blocked_s, (v_grant - v_level) / engine.budget_refill(b, v_at));
        end if;
        v_never := v_never or p_costs[n] > b.capacity;
        v_levels := v_levels || v_level;
        v_grants := v_grants || v_grant;
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
            set
                tokens = excluded.tokens + case when l.lease_until > v_at then l.tokens else 0 end,
                lease_until = excluded.lease_until;
        elsif b.level_known and not v_never then
            -- Each of those who are sent away gets a turn of its own; else all would come back at once,
            -- and all but one in vain. Two minutes at most: turns are lost when their jobs are.
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

-- Books what a process has spent, gives back and still holds, renews its lease, and takes a reading of a
-- call that was sent `p_age_ms` ago, when `p_seen` tokens were known to be spent. `p_blurred`: it is not
-- known of all that was spent whether it was charged.
create function engine.report_tokens(
    p_shard smallint, p_holder uuid, p_key text, p_hold_ms bigint, p_holds double precision,
    p_spent double precision, p_back double precision, p_blurred boolean, p_available double precision, p_cost double precision,
    p_seen double precision, p_age_ms double precision
) returns table (spent double precision, refill double precision, capacity double precision)
language plpgsql as $$
#variable_conflict use_column
declare
    b engine.budget;
    v_at timestamptz;
    v_level double precision;
    v_leased double precision;
    v_floor double precision;
    v_proven double precision;
    v_span_s double precision;
begin
    select * into strict b from engine.budget where shard = p_shard and key = p_key for update;
    v_at := clock_timestamp();
    v_level := engine.budget_level(b, v_at);
    update engine.budget_lease
    set tokens = p_holds, lease_until = v_at + p_hold_ms * interval '1 millisecond'
    where shard = p_shard and key = p_key and holder = p_holder and lease_until > v_at;
    if found then
        v_level := v_level + p_back;
    end if;
    delete from engine.budget_lease where shard = p_shard and key = p_key and (lease_until <= v_at or tokens <= 0);
    b.spent := b.spent + p_spent;
    v_leased := engine.budget_leased(p_shard, p_key, v_at);
    if p_blurred then
        b.anchor_at := null;
    end if;
    if p_available is not null then
        if p_cost + p_available > b.capacity then
            b.capacity := p_cost + p_available;
            b.source := 'header';
        end if;
        -- All that may have been charged after the reading was taken is taken off it once more.
        v_floor := p_available - v_leased - greatest(0, b.spent - p_seen - p_cost);
        if not b.level_known or v_level > p_available + b.refill_per_s * p_age_ms / 1000 then
            v_level := v_floor;
        else
            v_level := greatest(v_level, v_floor);
        end if;
        b.level_known := true;
        -- Between two readings the level rose by the refill and fell by the charges. Those of calls that
        -- were leased at the first may have come before it.
        v_span_s := extract(epoch from v_at - b.anchor_at)::double precision;
        v_proven := (p_available - b.anchor_tokens + p_cost + p_seen - b.anchor_spent - b.anchor_leased) / nullif(v_span_s, 0);
        if v_span_s > 2 and v_proven > b.refill_per_s and b.source <> 'person' then
            b.refill_per_s := greatest(b.refill_per_s, least(v_proven, b.refill_ceiling_per_s));
            b.source := 'header';
        end if;
        if b.anchor_at is null or v_span_s > 60 then
            b.anchor_at := v_at - p_age_ms * interval '1 millisecond';
            b.anchor_tokens := p_available;
            b.anchor_spent := b.spent;
            b.anchor_leased := v_leased;
        end if;
    end if;
    update engine.budget
    set
        tokens = least(v_level, b.capacity - v_leased), updated_at = v_at, capacity = b.capacity,
        level_known = b.level_known, spent = b.spent, source = b.source, refill_per_s = b.refill_per_s,
        anchor_at = b.anchor_at, anchor_tokens = b.anchor_tokens, anchor_spent = b.anchor_spent,
        anchor_leased = b.anchor_leased
    where shard = p_shard and key = p_key;
    return query select b.spent, b.refill_per_s, b.capacity;
end $$;

-- A remote refused a call for its price: nobody calls before `p_after_ms` have passed, and the refill
-- counts half for a while. `p_available` is the level it named, if it did.
create function engine.refuse_tokens(
    p_shard smallint, p_key text, p_cost double precision, p_available double precision,
    p_after_ms double precision
) returns void language plpgsql as $$
declare
    b engine.budget;
    v_at timestamptz;
    v_level double precision;
begin
    select * into strict b from engine.budget where shard = p_shard and key = p_key for update;
    v_at := clock_timestamp();
    -- The lease holds the refused call's tokens still.
    v_level := least(
        engine.budget_level(b, v_at),
        coalesce(p_available - greatest(0, engine.budget_leased(p_shard, p_key, v_at) - p_cost), 0)
    );
    update engine.budget
    set
        -- Some limits charge for the refused call too, so it counts as spent.
        tokens = v_level, updated_at = v_at, spent = spent + p_cost, refusals = refusals + 1,
        blocked_until = greatest(blocked_until, v_at + p_after_ms * interval '1 millisecond'),
        slowed_until = v_at + interval '5 minutes',
        -- Whether it was charged is not known, so it proves no rate.
        anchor_at = null
    where shard = p_shard and key = p_key;
end $$;
