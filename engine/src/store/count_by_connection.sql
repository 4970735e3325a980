-- Attempts of the kinds $2 that began before their kind was limited per connection: from now on they are counted there, and
-- put back there.
with uncounted as materialized (
    select r.id, c.connection
    from engine.running r
    join engine.kind k on k.name = r.kind and k.by_connection
    cross join lateral (
        select (select j.rate_keys[1] from engine.job j where j.shard = r.shard and j.id = r.id) as connection offset 0
    ) c
    where r.shard = $1 and r.kind = any($2) and r.partition_key is distinct from coalesce(c.connection, r.partition_key)
    order by r.id
    limit $3
    for update of r skip locked
),
told as (
    update engine.job j set partition_key = u.connection from uncounted u where j.shard = $1 and j.id = u.id
),
counted as (
    update engine.running r set partition_key = u.connection from uncounted u where r.shard = $1 and r.id = u.id returning r.id
)
select count(*) from counted
