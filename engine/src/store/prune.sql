-- Ended jobs past their retention, with all that belongs to them. The summary index on ended_at
-- narrows the scan to the old end of the table.
with old as (
    delete from engine.ended
    where
        ctid = any(array(
            select ctid
            from engine.ended
            where
                shard = $1
                and state = $2::engine.job_state
                and ended_at < now() - $3 * interval '1 millisecond'
            limit $4
            for update skip locked
        ))
        and shard = $1
    returning id
)
select engine.forget($1, array(select id from old))
