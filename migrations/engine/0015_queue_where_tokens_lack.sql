-- A budget that had the tokens asked for put the caller in line all the same when another budget refused
-- it: a thousand calls a day come back one in 115 s, and each refused minute cost so much. Why a new
-- function body: the turns are given in it. Locks nothing.

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
            set
                tokens = excluded.tokens + case when l.lease_until > v_at then l.tokens else 0 end,
                lease_until = excluded.lease_until;
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
