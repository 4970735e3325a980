-- A claim may begin behind what it has claimed of a key before. Why: each looked at a key from its beginning and
-- stepped over all that was claimed of it and not yet vacuumed: a sixth of a claim in a drain of 100,000, and
-- without end beside an old snapshot.

-- Which due jobs of kinds with limits may run, all kinds of a claim at once: the limit of a partition key counts
-- what runs of it, of whatever kind, and what was admitted a moment ago by another call does not run yet.
-- `p_keys` and what goes with it hold each key with each kind that it has due jobs of; `p_nths` numbers the keys.
-- Nothing is looked for that ranks before `p_floors`, which are of a key, '' for jobs without, and a kind.
-- At most `p_limit` in all and `p_share` of a key. Others that hold a lock take their share themselves.
create function engine.admit(
    p_shard smallint, p_queue text, p_kinds text[], p_most integer[], p_running integer[], p_ordered boolean[],
    p_keys text[], p_key_kinds text[], p_nths integer[], p_floor_keys text[], p_floor_kinds text[], p_floors timestamptz[],
    p_limit bigint, p_share bigint
) returns table (address tid, rank_at timestamptz, id uuid, place bigint) language plpgsql as $$
declare
    room bigint[] := array_fill(p_limit, array[cardinality(p_kinds)]);
    keys text[];
    kinds integer[];
    nths integer[];
    shared boolean[];
    floors timestamptz[];
    unkeyed_floors timestamptz[];
begin
    -- A lock comes in a statement before the count: one that began earlier would count too few.
    if array_remove(p_most, null) <> '{}' then
        room := array(
            select case
                when k.most is null then p_limit
                when pg_try_advisory_xact_lock(hashtextextended('engine kind ' || k.kind, p_shard)) then k.most
                else 0
            end
            from unnest(p_kinds, p_most) with ordinality k (kind, most, nth)
            order by k.nth
        );
        room := array(
            select case when k.most is null or k.room = 0 then k.room else greatest(0, k.room - (
                select count(*) from engine.running r where r.shard = p_shard and r.kind = k.kind
            )) end
            from unnest(p_kinds, p_most, room) with ordinality k (kind, most, room, nth)
            order by k.nth
        );
    end if;
    unkeyed_floors := array(
        select coalesce(f.floor, '-infinity')
        from unnest(p_kinds) with ordinality k (kind, nth)
        left join unnest(p_floor_keys, p_floor_kinds, p_floors) f (key, kind, floor) on f.key = '' and f.kind = k.kind
        order by k.nth
    );
    select array_agg(w.key), array_agg(w.kind), array_agg(w.nth), array_agg(w.shared), array_agg(w.floor)
    into keys, kinds, nths, shared, floors
    from (
        select
            k.key, n.kind, k.nth, count(*) over (partition by k.nth) > 1 as shared, coalesce(f.floor, '-infinity') as floor
        from unnest(p_keys, p_key_kinds, p_nths) k (key, kind, nth)
        left join unnest(p_floor_keys, p_floor_kinds, p_floors) f (key, kind, floor) on f.key = k.key and f.kind = k.kind
        cross join lateral (select array_position(p_kinds, k.kind) as kind) n
        where
            room[n.kind] > 0
            and (
                p_running[n.kind] is null
                or pg_try_advisory_xact_lock(hashtextextended('engine partition ' || k.key, p_shard))
            )
    ) w;
    return query
    select c.address, c.rank_at, c.id, c.place
    from (
        select p.*, row_number() over (partition by p.kind order by p.place, p.rank_at, p.id) as nth
        from (
            -- Those without a key are as one key.
            select k.kind, q.ctid as address, q.rank_at, q.id, row_number() over (partition by k.kind order by q.rank_at, q.id) as place
            from unnest(p_kinds) with ordinality k (name, kind)
            cross join lateral (
                -- By partition_key too, though it is null: Postgres does not know that this is one value, and would sort.
                select r.ctid, r.rank_at, r.id from engine.pending r
                where r.shard = p_shard and r.queue = p_queue and r.due and r.limited and r.partition_key is null and r.kind = k.name
                    and r.rank_at >= unkeyed_floors[k.kind]
                order by r.partition_key, r.rank_at, r.id
                limit least(room[k.kind], p_share)
                for update skip locked
            ) q
            union all
            select k.kind, k.address, k.rank_at, k.id, k.place
            from (
                select
                    w.kind, q.address, q.rank_at, q.id, row_number() over of_key as place,
                    -- In their order: whatever finds no room is not overtaken by others, which would leave it none.
                    min(f.free) over of_key as free
                from unnest(keys, kinds, nths, shared, floors) w (key, kind, nth, shared, floor)
                cross join lateral (
                    select case when p_running[w.kind] is null then p_limit else greatest(0, p_running[w.kind] - (
                        select count(*) from engine.running r where r.shard = p_shard and r.partition_key = w.key
                    )) end as free
                    offset 0
                ) f
                cross join lateral (
                    select u.* from (
                        select r.ctid as address, r.rank_at, r.id from engine.pending r
                        where
                            r.shard = p_shard and r.queue = p_queue and r.due and r.limited and r.partition_key = w.key
                            and r.kind = p_kinds[w.kind] and r.rank_at >= w.floor and not p_ordered[w.kind]
                        order by r.rank_at, r.id
                        -- No more, as what is locked and not taken was in vain: of a key that kinds share, the first has to be seen.
                        limit greatest(least(f.free, p_share), w.shared::integer)
                        for update skip locked
                    ) u
                    union all
                    select o.* from (
                        select r.ctid, r.rank_at, r.id from engine.pending r
                        where
                            p_ordered[w.kind] and (f.free > 0 or w.shared)
                            and r.shard = p_shard and r.id = (
                                select h.id from engine.pending h
                                where h.shard = p_shard and h.partition_key = w.key and h.ordered
                                order by h.id
                                limit 1
                            )
                            and r.queue = p_queue and r.due and r.kind = p_kinds[w.kind]
                            and not exists (
                                select from engine.partition_block b
                                where b.shard = p_shard and b.partition_key = w.key and b.job_id <> r.id
                            )
                        for update skip locked
                    ) o
                ) q
                window of_key as (partition by w.nth order by q.rank_at, q.id)
            ) k
            where p_running[k.kind] is null or k.place <= k.free
        ) p
    ) c
    where c.nth <= room[c.kind];
end $$;

-- Workers of before call it so.
create or replace function engine.admit(
    p_shard smallint, p_queue text, p_kinds text[], p_most integer[], p_running integer[], p_ordered boolean[],
    p_keys text[], p_key_kinds text[], p_nths integer[], p_limit bigint, p_share bigint
) returns table (address tid, rank_at timestamptz, id uuid, place bigint) language sql as $$
    select * from engine.admit(
        p_shard, p_queue, p_kinds, p_most, p_running, p_ordered, p_keys, p_key_kinds, p_nths, '{}', '{}', '{}', p_limit, p_share
    )
$$;

-- Whoever may call the one may call the other.
do $$
declare
    one record;
    made text := 'engine.admit(smallint, text, text[], integer[], integer[], boolean[], text[], text[], integer[], text[], text[], timestamptz[], bigint, bigint)';
begin
    execute format('revoke all on function %s from public', made);
    for one in
        select (aclexplode(coalesce(proacl, acldefault('f', proowner)))).* from pg_proc
        where oid = 'engine.admit(smallint, text, text[], integer[], integer[], boolean[], text[], text[], integer[], bigint, bigint)'::regprocedure
    loop
        execute format(
            'grant execute on function %s to %s', made,
            case when one.grantee = 0 then 'public' else one.grantee::regrole::text end
        );
    end loop;
end $$;

-- That of one kind was for workers before those.
drop function engine.admit(smallint, text, text, integer, integer, boolean, text[], bigint);
