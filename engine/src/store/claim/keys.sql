-- Partition keys in their order, from the last or from below $8 downwards: no more than $10 or than there are slots for,
-- so that none loses its turn. Turn makes it one less where jobs without a key have theirs ($9): they are as one key, the first
-- of each round. Downwards, since the
-- front of a key is what was claimed and not yet vacuumed, and its end leads to it without a step over that.

-- How far the claims before came with a key, or '', and a kind, or '' for all that have no limits: nothing is looked for
-- before that.
floor as materialized (
    select * from unnest($11::text[], $12::text[], $13::timestamptz[]) f (key, kind, floor)
),
unkeyed as materialized (
    select $9 and exists (
        select from engine.pending
        where
            shard = $1 and queue = $2 and due and partition_key is null and not limited
            and rank_at >= coalesce((select floor from floor where key = '' and kind = ''), '-infinity')
    ) as due
),
-- Of jobs without limits. The walk sees one key more than it may take, to tell whether there are more.
free_key as (
    select case
        when $8 = '' then (
            select partition_key from engine.pending
            where shard = $1 and queue = $2 and due and not limited and partition_key is not null
            order by partition_key desc limit 1
        )
        else (
            select partition_key from engine.pending
            where shard = $1 and queue = $2 and due and not limited and partition_key < $8
            order by partition_key desc limit 1
        )
    end as key, 1 as nth
    union all
    select (
        select partition_key from engine.pending p
        where p.shard = $1 and p.queue = $2 and p.due and not p.limited and p.partition_key < f.key
        order by partition_key desc limit 1
    ), f.nth + 1
    from free_key f
    where f.key is not null and f.nth <= (select keys from turn)
),
reached as materialized (
    -- No time that Rust has no word for.
    select coalesce(partition_key, '') as key, case when limited then kind else '' end as kind, max(rank_at) as rank_at
    from taken
    where rank_at > '1970-01-01Z' and rank_at < '9999-01-01Z'
    group by 1, 2
),
told as (
    select
        -- Where the next claim goes on; null when there are no more keys.
        (select case when seen > keys then coalesce(last, $8) end from parts) as last_key,
        (select seen > 0 from parts) or (select limited from turn) as saw_fair,
        (select array_agg(key) from reached) as floor_keys, (select array_agg(kind) from reached) as floor_kinds,
        (select array_agg(rank_at) from reached) as floors
),
