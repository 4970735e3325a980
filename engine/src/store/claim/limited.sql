-- Up to $4 due jobs of all kinds, key by key, the first of each before any second. Kinds with limits ($14 to $17) have an
-- index of their own, and admit says which of their jobs may run.
turn as materialized (
    select least($10, $4) - (($9 and u.limited) or (select due from unkeyed))::integer as keys, u.limited
    from (
        select exists (
            select
            from unnest($14::text[]) k (kind)
            left join floor b on b.key = '' and b.kind = k.kind
            cross join lateral (
                -- The order leaves no index but the one that it is.
                select from engine.pending p
                where
                    p.shard = $1 and p.queue = $2 and p.due and p.limited and p.partition_key is null and p.kind = k.kind
                    and p.rank_at >= coalesce(b.floor, '-infinity')
                order by p.partition_key, p.rank_at, p.id
                limit 1
            ) p
        ) as limited
        offset 0
    ) u
),
limited_key as (
    select k.*, 1 as nth
    from (
        (
            select partition_key as key, kind from engine.pending
            where shard = $1 and queue = $2 and due and limited and partition_key is not null and $8 = ''
            order by partition_key desc, kind desc limit 1
        )
        union all
        (
            select partition_key, kind from engine.pending
            where shard = $1 and queue = $2 and due and limited and partition_key < $8
            order by partition_key desc, kind desc limit 1
        )
    ) k
    union all
    select k.*, l.nth + (k.key <> l.key)::integer
    from limited_key l
    cross join lateral (
        select p.partition_key as key, p.kind from engine.pending p
        where
            p.shard = $1 and p.queue = $2 and p.due and p.limited
            and (p.partition_key, p.kind) < (l.key, l.kind)
        order by p.partition_key desc, p.kind desc limit 1
    ) k
    where l.nth <= (select keys from turn)
),
parts as materialized (
    select
        count(*) as seen, least(count(*), (select keys from turn)) as keys,
        min(key) filter (where nth <= (select keys from turn)) as last
    from (
        select key, row_number() over (order by key desc) as nth
        from (select key from free_key where key is not null union select key from limited_key) k
        order by key desc
        limit (select keys + 1 from turn)
    ) k
),
found as (
    select p.address, p.rank_at, p.id, row_number() over () as place
    from (
        select ctid as address, rank_at, id
        from engine.pending
        where
            shard = $1 and queue = $2 and due and partition_key is null and not limited and $9
            and rank_at >= coalesce((select floor from floor where key = '' and kind = ''), '-infinity')
            and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
        order by rank_at, id
        limit 1 + $4 / ((select keys from parts) + 1)
        for update skip locked
    ) p
    union all
    select p.address, p.rank_at, p.id, p.place
    from free_key f
    left join floor b on b.key = f.key and b.kind = ''
    cross join lateral (
        -- Numbered here, where they are in their order: to number those of all keys would sort them.
        select q.*, row_number() over () as place
        from (
            select ctid as address, rank_at, id
            from engine.pending
            where
                shard = $1 and queue = $2 and due and partition_key = f.key and not limited
                and rank_at >= coalesce(b.floor, '-infinity')
                and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
            order by rank_at, id
            limit 1 + ($4 - 1) / (select keys from parts)
            for update skip locked
        ) q
    ) p
    where f.key >= (select last from parts)
    union all
    select a.address, a.rank_at, a.id, a.place
    from (
        select
            array_agg(kind) as kinds, array_agg(most) as most, array_agg(running) as running,
            array_agg(ordered) as ordered
        from unnest($14::text[], $15::integer[], $16::integer[], $17::boolean[]) k (kind, most, running, ordered)
        where
            kind not in (select name from engine.pause where scope = 'kind')
            and not exists (select from engine.pause where scope = 'queue' and name = $2)
        having count(*) > 0
    ) k
    cross join (
        select array_agg(key) as keys, array_agg(kind) as kinds, array_agg(nth) as nths
        from limited_key
        where key >= (select last from parts)
    ) l
    cross join lateral engine.admit(
        $1, $2, k.kinds, k.most, k.running, k.ordered, l.keys, l.kinds, l.nths,
        $11, $12, $13, $4, 1 + $4 / greatest((select keys from parts), 1)
    ) a
),
candidate as materialized (
    select array(select address from found order by place, rank_at, id limit $4) as addresses
),
