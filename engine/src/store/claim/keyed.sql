-- Up to $4 due jobs of kinds without limits, key by key: each gives its share, so that none waits for another's backlog.
turn as materialized (
    select $10 - due::integer as keys, false as limited from unkeyed
),
parts as materialized (
    select w.*, w.keys + (select due::integer from unkeyed) as shares
    from (
        select
            count(key) as seen, least(count(key), (select keys from turn)) as keys,
            min(key) filter (where nth <= (select keys from turn)) as last
        from free_key
    ) w
),
candidate as materialized (
    -- Together the shares are $4: the first few are one job larger.
    select array(
        select p.address
        from (
            select ctid as address
            from engine.pending
            where
                shard = $1 and queue = $2 and due and partition_key is null and not limited and (select due from unkeyed)
                and rank_at >= coalesce((select floor from floor where key = '' and kind = ''), '-infinity')
                and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
            order by rank_at, id
            limit (select $4 / shares + (0 < $4 % shares)::integer from parts where shares > 0)
            for update skip locked
        ) p
        union all
        select p.address
        from free_key f
        cross join parts s
        left join floor b on b.key = f.key and b.kind = ''
        cross join lateral (
            select ctid as address
            from engine.pending
            where
                shard = $1 and queue = $2 and due and partition_key = f.key and not limited
                and rank_at >= coalesce(b.floor, '-infinity')
                and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
            order by rank_at, id
            limit $4 / s.shares + (f.nth + s.shares - s.keys <= $4 % s.shares)::integer
            for update skip locked
        ) p
        where f.nth <= s.keys
    ) as addresses
),
