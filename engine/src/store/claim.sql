-- Takes up to $4 due jobs of one queue under a lease: they move from pending to running. Rows that
-- another worker is taking are skipped, not waited for. Jobs without a partition key come in the order of
-- their index; keyed ones are found key by key, from the last or from below $8 downwards, and each key
-- gives its share, so that none waits for another's backlog. Downwards, since the front of a key is what was claimed and
-- not yet vacuumed, and its end leads to it without a step over that. The first of each comes before any second.
-- Those without a key are as one key, the first of each round ($13): no more keys are looked at than there are
-- slots for, so that none loses its turn, nor than a twentieth of many slots, since to look at a key costs as much as
-- five jobs; a tenth where kinds have limits, which may leave each key only a few. Kinds with limits have an index
-- of their own, and admit says which of their jobs may run.
with recursive allowed as materialized (
    select array(
        select kind from unnest($3::text[]) kind
        where kind not in (select name from engine.pause where scope = 'kind')
    ) as kinds
    where cardinality($3::text[]) > 0 and not exists (select from engine.pause where scope = 'queue' and name = $2)
),
-- Behind what was claimed before, of a key or '', and a kind, or '' for all that have no limits.
floor as materialized (
    select * from unnest($14::text[], $15::text[], $16::timestamptz[]) f (key, kind, floor)
),
turn as materialized (
    select
        greatest(least($4, 20), $4 / case when cardinality($9::text[]) > 0 then 10 else 20 end)
        - ($13 and (u.limited or exists (
            select from engine.pending where shard = $1 and queue = $2 and due and partition_key is null and not limited
            and rank_at >= coalesce((select floor from floor where key = '' and kind = ''), '-infinity')
        )))::integer as keys,
        u.limited
    from (
        select exists (
            select
            from unnest($9::text[]) k (kind)
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
-- The keys in their order, of jobs without and with limits; each walk sees one more than it may take, to tell whether
-- there are more.
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
limited_key as (
    select k.*, 1 as nth
    from (
        (
            select partition_key as key, kind from engine.pending
            where
                shard = $1 and queue = $2 and due and limited and partition_key is not null and $8 = ''
                and cardinality($9::text[]) > 0
            order by partition_key desc, kind desc limit 1
        )
        union all
        (
            select partition_key, kind from engine.pending
            where
                shard = $1 and queue = $2 and due and limited and partition_key < $8
                and cardinality($9) > 0
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
candidate as (
    select p.address, p.rank_at, p.id, row_number() over () as place
    from (
        select ctid as address, rank_at, id
        from engine.pending
        where
            shard = $1 and queue = $2 and due and partition_key is null and not limited and $13
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
        from unnest($9::text[], $10::integer[], $11::integer[], $12::boolean[]) k (kind, most, running, ordered)
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
        $14, $15, $16, $4, 1 + $4 / greatest((select keys from parts), 1)
    ) a
),
taken as (
    -- By address: `= any(array(...))` keeps it a probe whatever the planner thinks of the limit.
    delete from engine.pending
    where
        ctid = any(array(select address from candidate order by place, rank_at, id limit $4))
        and shard = $1
        and due
    returning
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, rank_at, unique_key, unique_until_claim,
        partition_key, batch_id, limited
),
begun as (
    insert into engine.running (
        shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id,
        started_at, lease_until, unique_key, partition_key, batch_id
    )
    select
        shard, id, kind, queue, priority, attempt + 1, failed, crashes, max_attempts, $5, $6, now(),
        now() + $7 * interval '1 millisecond',
        case when not unique_until_claim then unique_key end,
        partition_key, batch_id
    from taken
),
reached as materialized (
    -- No time that Rust has no word for.
    select coalesce(partition_key, '') as key, case when limited then kind else '' end as kind, max(rank_at) as rank_at
    from taken
    where rank_at > '1970-01-01Z' and rank_at < '9999-01-01Z'
    group by 1, 2
),
passed as materialized (
    -- In the order in which a bulk enqueue locks keys.
    select engine.pass_key(shard, kind, unique_key, id)::text as key
    from (select * from taken where unique_until_claim order by kind, unique_key) let_go
)
-- One row of arrays: to send and read hundreds of rows costs as much as to find their jobs.
select
    -- Where the next claim goes on; null when there are no more keys.
    (select case when seen > keys then coalesce(last, $8) end from parts) as last_key,
    (select seen > 0 from parts) or (select limited from turn) as saw_fair,
    (select count(key) from passed) as passed,
    now() as asked_at,
    (select array_agg(key) from reached) as floor_keys, (select array_agg(kind) from reached) as floor_kinds,
    (select array_agg(rank_at) from reached) as floors,
    array_agg(t.id) as ids, array_agg(t.kind) as kinds, array_agg(t.attempt + 1) as attempts,
    array_agg(t.failed) as failed, array_agg(t.max_attempts) as max_attempts, array_agg(j.args::text) as args,
    array_agg(case
        when num_nonnulls(j.timeout_ms, j.backoff, j.parent_id, j.tags, j.rate_keys, j.trace_context) > 0
        then jsonb_build_object(
            'timeout_ms', j.timeout_ms, 'backoff', j.backoff, 'parent_id', j.parent_id, 'tags', j.tags,
            'rate_keys', j.rate_keys, 'trace_context', j.trace_context
        )
    end) as rests
from (select * from taken order by rank_at, id) t
cross join lateral (
    -- `offset 0` keeps this a probe of the primary key for each row.
    select args, timeout_ms, backoff, parent_id, tags, rate_keys, trace_context
    from engine.job
    where shard = t.shard and id = t.id
    offset 0
) j
