-- Ended jobs past their retention, with all that belongs to them: those of one era's tables, or of all of
-- them. Found by the state's partial index or by the summary index on ended_at, whichever narrows to the
-- old end; deleted by id from the divided table, whose triggers count what goes. A dead one that holds up its
-- partition stays for as long as it does: whether that goes on is for a person to say.
with old as (
    delete from engine.ended
    where
        id = any(array(
            select id
            from engine.{table}
            where
                shard = $1
                and state = $2::engine.job_state
                and ended_at < now() - $3 * interval '1 millisecond'
                and (kind = any($4)) = $5
                and id not in (select b.job_id from engine.partition_block b where b.shard = $1)
            limit $6
            for update skip locked
        ))
        and shard = $1
    returning id
)
select engine.forget($1, array(select id from old))
