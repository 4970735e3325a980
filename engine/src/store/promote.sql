-- Lets jobs whose time has come into the ready index, those whose wait has a limit among them, and says how long until the next one does
-- (null when there is none; a full batch means ask again).
with come as (
    update engine.pending
    set due = true, state = 'available', waiting_for = null
    where
        ctid = any(array(
            select ctid
            from engine.pending
            where shard = $1 and not due and run_at < 'infinity' and run_at <= now()
            order by run_at, id
            limit $2
            for no key update skip locked
        ))
        and shard = $1
        and not due
    returning queue
)
select
    array(select distinct queue from come) as queues,
    (select count(*) from come) as promoted,
    (
        select (extract(epoch from (run_at - now())) * 1000)::bigint
        from engine.pending
        where shard = $1 and not due and run_at < 'infinity' and run_at > now()
        order by run_at
        limit 1
    ) as next_in_ms
