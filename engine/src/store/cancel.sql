-- Ends a job that nobody runs, and asks the attempt of a running one to stop.
with own as materialized (
    -- Before the job's own row, as the end of the last member locks them.
    select id from engine.batch where shard = $1 and owner_id = $2 order by id desc for update
),
followed as materialized (
    -- One that waits for its twin is let go by whoever holds the key: first the key, then the row.
    select from engine.key k
    where
        k.shard = $1
        and (select count(*) from own) >= 0
        and (k.kind, k.key) = (
            select p.kind, 'unique:' || p.unique_key from engine.pending p
            where p.shard = $1 and p.id = $2 and p.waiting_for = 'twin'
        )
    for update
),
removed as (
    delete from engine.pending
    where shard = $1 and id = $2 and (select count(*) from followed) >= 0
    returning *
),
ended as (
    insert into engine.ended (
        shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome, code, error
    )
    select
        shard, id, kind, queue, 'cancelled', priority, attempt, failed, crashes, max_attempts,
        'cancel', 'cancelled', $3
    from removed
),
asked as (
    update engine.running
    set cancel_requested = true
    where shard = $1 and id = $2
    returning id
)
select
    'cancelled' as done,
    case when unique_key is not null then engine.pass_key(shard, kind, unique_key, id, 'cancelled')::text end as passed,
    engine.abandon(shard, id)::text as abandoned,
    case when batch_id is not null then engine.end_members(shard, batch_id, 0, 1, 0) end as woken
from removed
union all
select 'requested', null, null, null from asked
