-- The first due job of another kind that stands before this one in its queue and has its partition key, when as many
-- of the key run as that kind may: the claim lets none overtake it, which would leave it no room.
with key as (
    select (select count(*) from engine.running where shard = $1 and partition_key = $3) as running
),
self as (
    select rank_at, kind from engine.pending where shard = $1 and id = $4
)
select h.id, k.name as kind
from engine.kind k
cross join key
cross join self
cross join lateral (
    select id, rank_at from engine.pending
    where
        shard = $1 and queue = $2 and due and limited and partition_key = $3 and kind = k.name
        -- Of an ordered kind only its first, unless a dead job holds that up.
        and (k.partition_order is null or (
            id = (
                select id from engine.pending where shard = $1 and partition_key = $3 and ordered order by id limit 1
            )
            and not exists (
                select from engine.partition_block where shard = $1 and partition_key = $3 and job_id <> pending.id
            )
        ))
    order by rank_at, id
    limit 1
) h
where
    k.name <> self.kind
    and case when k.partition_order is null then k.partition_running else 1 end <= key.running
    and (h.rank_at, h.id) < (self.rank_at, $4)
    and not exists (select from engine.pause where scope = 'kind' and name = k.name)
order by h.rank_at, h.id
limit 1
