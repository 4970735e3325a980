-- Jobs of the kinds $2 that do not stand as their kind says. One that is limited per connection takes that for its partition
-- key; the wide row is read for such kinds only. A job without a rate key, enqueued before its kind was limited so, stays where it is.
with astray as materialized (
    select
        p.ctid as row, p.id, k.limited, coalesce(c.connection, p.partition_key) as partition_key,
        p.partition_key is not null and k.partition_order is not null as ordered
    from engine.pending p
    join engine.kind k on k.name = p.kind
    cross join lateral (
        -- A probe for each, and no join, which may read all of history.
        select case
            when k.by_connection then (select j.rate_keys[1] from engine.job j where j.shard = p.shard and j.id = p.id)
        end as connection
        offset 0
    ) c
    where
        p.shard = $1
        and p.kind = any($2)
        and (
            p.limited <> k.limited
            or p.ordered <> (p.partition_key is not null and k.partition_order is not null)
            or p.partition_key is distinct from coalesce(c.connection, p.partition_key)
        )
    order by p.id
    limit $3
    for no key update of p skip locked
),
told as (
    update engine.job j
    set partition_key = a.partition_key
    from astray a
    where j.shard = $1 and j.id = a.id and j.partition_key is distinct from a.partition_key
),
put as (
    update engine.pending p
    set limited = a.limited, ordered = a.ordered, partition_key = a.partition_key
    from astray a
    where p.ctid = a.row and p.shard = $1
    returning p.id
)
select count(*) from put
