-- Up to $3 rows of connection $1 for job $2: those that are due, of the first sort that has any. What an earlier attempt
-- of the same job held is the job's still: the engine's fence has ended that attempt.
with first as (
    select stream
    from sync.dirty
    where connection = $1 and due_at <= now() and (holder is null or holder = $2 or lease_until < now())
    order by rank, due_at, key
    limit 1
),
due as (
    select d.connection, d.stream, d.side, d.key
    from sync.dirty d
    join first on first.stream = d.stream
    where d.connection = $1 and d.due_at <= now()
        and (d.holder is null or d.holder = $2 or d.lease_until < now())
    order by d.rank, d.due_at, d.key
    limit $3
    for update of d skip locked
)
update sync.dirty d
set holder = $2, lease_until = now() + interval '3 minutes'
from due
where d.connection = due.connection and d.stream = due.stream and d.side = due.side and d.key = due.key
returning d.stream, d.side, d.key, d.marked, d.tries
