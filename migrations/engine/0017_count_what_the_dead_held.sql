-- What a process held when it died was forgotten with its lease. A reading of a slow call, taken before that process
-- spent its last and told after its lease ran out, then raised the level by what was charged in between. Why a new
-- function body: what is lost counts as spent, which every reading is lowered by. Locks nothing.

-- Books what a process has spent, gives back and still holds, renews its lease, and takes a reading of a
-- call that was sent `p_age_ms` ago, when `p_seen` tokens were known to be spent. `p_blurred`: it is not
-- known of all that was spent whether it was charged.
create or replace function engine.report_tokens(
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
    v_lost double precision;
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
    delete from engine.budget_lease where shard = p_shard and key = p_key and tokens <= 0;
    -- Whose holder died or stands still: it may have spent them without a word, so they count as charged.
    with lost as (
        delete from engine.budget_lease where shard = p_shard and key = p_key and lease_until <= v_at returning tokens
    )
    select coalesce(sum(tokens), 0) into v_lost from lost;
    b.spent := b.spent + p_spent + v_lost;
    v_leased := engine.budget_leased(p_shard, p_key, v_at);
    if p_blurred or v_lost > 0 then
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
