-- Up to $4 due jobs of kinds without limits, key by key: each gives its share, so that none waits for another's backlog.
turn as materialized (
    select least($10, $4) - due::integer as keys, false as limited from unkeyed
),
parts as materialized (
    select
        count(key) as seen, least(count(key), (select keys from turn)) as keys,
        min(key) filter (where nth <= (select keys from turn)) as last
    from free_key
),
unkeyed_candidate as materialized (
    select array(
        select ctid
        from engine.pending
        where
            shard = $1 and queue = $2 and due and partition_key is null and not limited and (select due from unkeyed)
            and rank_at >= coalesce((select floor from floor where key = '' and kind = ''), '-infinity')
            and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
        order by rank_at, id
        limit (select ($4 + keys) / (keys + 1) from parts)
        for update skip locked
    ) as addresses
),
-- What those without a key have left is shared: the first few keys may give one job more.
rest as materialized (
    select keys, $4 - cardinality(u.addresses) as jobs from parts cross join unkeyed_candidate u
),
candidate as materialized (
    select (select addresses from unkeyed_candidate) || array(
        select p.address
        from free_key f
        cross join rest r
        left join floor b on b.key = f.key and b.kind = ''
        cross join lateral (
            select ctid as address
            from engine.pending
            where
                shard = $1 and queue = $2 and due and partition_key = f.key and not limited
                and rank_at >= coalesce(b.floor, '-infinity')
                and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
            order by rank_at, id
            limit r.jobs / r.keys + (f.nth <= r.jobs % r.keys)::integer
            for update skip locked
        ) p
        where f.nth <= r.keys
    ) as addresses
),
