-- Ends a job that nobody runs, and asks the attempt of a running one to stop.
with removed as (
    delete from engine.pending
    where shard = $1 and id = $2
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
    case when unique_key is not null then engine.pass_key(shard, kind, unique_key, id)::text end as passed
from removed
union all
select 'requested', null from asked
