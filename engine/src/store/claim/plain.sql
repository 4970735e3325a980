-- Up to $4 due jobs without partition key or limit, in the order of their index, at two thirds of what it costs to find
-- others. Begins at ($8, $9), below which the index may hold nothing but entries of rows that are gone. Says whether there
-- are due jobs that only a fair look finds, with a partition key ($10) and of kinds with limits ($11), where it is asked: it
-- steps over all of them that were claimed and not yet vacuumed.
candidate as materialized (
    select array(
        select ctid
        from engine.pending
        where
            shard = $1 and queue = $2 and due and partition_key is null and not limited
            and (rank_at, id) >= (coalesce($8::timestamptz, '-infinity'), $9)
            and (select kinds from allowed) is not null and kind = any((select kinds from allowed)::text[])
        order by rank_at, id
        limit $4
        for update skip locked
    ) as addresses
),
told as (
    select
        ($10 and exists (
            select from engine.pending where shard = $1 and queue = $2 and due and not limited and partition_key > ''
        )) or ($11 and exists (
            select from engine.pending where shard = $1 and queue = $2 and due and limited
        )) as saw_fair,
        (select max(rank_at) from taken) as last_rank_at
),
