-- All that these attempts said so far, in the place of what was written before. A job that is gone keeps
-- no log.
insert into engine.attempt_log as l (shard, job_id, attempt, lines, left_out)
select $1, x.id, x.attempt, x.lines::jsonb, x.left_out
from unnest($2::uuid[], $3::integer[], $4::text[], $5::bigint[]) as x (id, attempt, lines, left_out)
where exists (select from engine.job j where j.shard = $1 and j.id = x.id)
order by x.id, x.attempt
on conflict (shard, job_id, attempt) do update set
    lines = excluded.lines, left_out = excluded.left_out, updated_at = now()
