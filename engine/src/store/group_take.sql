-- Dead letters that are in no group yet, oldest first, held until the caller commits. Those that another
-- process is grouping, or a retry takes away, are skipped.
select id, kind, code, left(error, 8000) as error, ended_at
from engine.ended
where shard = $1 and state = 'dead' and fingerprint is null
order by ended_at, id
limit $2
for update skip locked
