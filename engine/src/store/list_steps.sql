-- The steps a job has behind it, oldest first, behind the place ($3, $4). Results only when asked for ($6):
-- they may be large.
select name, attempt, case when $6 then result end as result, ended_at
from engine.step
where shard = $1 and job_id = $2 and ($3::timestamptz is null or (ended_at, name) > ($3, $4::text))
order by ended_at, name
limit $5
