select
    count(*) filter (where e.id is null) as live,
    count(*) filter (where e.state = 'completed') as completed,
    count(*) filter (where e.state = 'cancelled') as cancelled,
    count(*) filter (where e.state = 'dead') as dead
from engine.job j
left join engine.ended e on e.shard = j.shard and e.id = j.id
where j.shard = $1 and j.parent_id = $2
