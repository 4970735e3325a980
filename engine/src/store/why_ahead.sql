-- How many due jobs of the queue come before this one, at most 10,000: a walk of the ready index.
select count(*)
from (
    select 1
    from engine.pending
    where
        shard = $1
        and queue = $2
        and due
        and (priority, run_at, id) < ($3, $4, $5)
    limit 10001
) ahead
