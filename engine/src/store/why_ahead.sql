-- How many due jobs of the queue come before this one, at most 10,000: those of its own partition key,
-- or those without one. Other keys take turns with it and are not counted.
select count(*)
from (
    select 1
    from engine.pending p, (select rank_at from engine.pending where shard = $1 and id = $4) self
    where
        p.shard = $1
        and p.queue = $2
        and p.due
        and p.partition_key is not distinct from $3
        and (p.rank_at, p.id) < (self.rank_at, $4)
    limit 10001
) ahead
