-- A page of jobs, newest first: ids are time-ordered, so the primary keys give the order.
select *, state::text as state_word, run_at > now() as is_future
from engine.job_status
where
    shard = $1
    and ($2::text is null or state = $2::engine.job_state)
    and ($3::text is null or kind like $3)
    and ($4::text is null or queue = $4)
    and ($5::text is null or tags @> array[$5])
    and ($6::uuid is null or parent_id = $6)
    and ($7::uuid is null or id < $7)
order by id desc
limit $8
