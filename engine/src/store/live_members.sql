-- Members that are live and not yet asked to stop, at most $4, behind the id $3. Each is looked up by itself: as
-- conditions, the two tables would be read whole.
select j.id
from engine.job j
cross join lateral (
    select from engine.pending where shard = j.shard and id = j.id
    union all
    select from engine.running where shard = j.shard and id = j.id and not cancel_requested
    limit 1
) live
where j.shard = $1 and j.batch_id = $2 and j.id > $3
order by j.id
limit $4
