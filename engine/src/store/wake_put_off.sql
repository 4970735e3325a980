-- Lets at most $3 of the jobs that were put off for one key come: at once, or over what is left of a ramp
-- of $6 seconds that began $5 milliseconds ago, 1, 2, 4, … in each. $4 were told before. Rows that
-- another process is telling are skipped, and so are jobs whose time comes at this moment.
with chunk as (
    delete from engine.put_off
    where
        ctid = any(array(
            select w.ctid from engine.put_off w
            where
                w.shard = $1 and w.key = $2
                -- One alone is to find out whether it works: not one that waits for its twin.
                and ($3 > 1 or exists (
                    select from engine.pending p where p.shard = $1 and p.id = w.job_id and p.state = 'available'
                ))
            order by w.job_id
            limit $3
            for no key update skip locked
        ))
        and shard = $1
    returning job_id
),
placed as materialized (
    select p.row, p.id, row_number() over (order by p.id) - 1 + $4::bigint as place
    from chunk c
    cross join lateral (
        select ctid as row, id
        from engine.pending
        where shard = $1 and id = c.job_id and (state = 'available' or waiting_for = 'twin') and not due
        for no key update skip locked
    ) p
),
timed as materialized (
    select
        row, id,
        case when $5::bigint is null then 0 else greatest(0, 1000 * least(
            $6::bigint, floor(log(2.0, place + 2.0 ^ least($6, $5 / 1000)))::bigint
        ) - $5) end as delay_ms
    from placed
),
woken as (
    update engine.pending p
    set
        -- One that waits in line for its key keeps its time in its rank.
        due = t.delay_ms = 0 and p.state = 'available',
        run_at = case when p.state = 'available' then now() + t.delay_ms * interval '1 millisecond' else p.run_at end,
        rank_at = least(p.rank_at, now() + t.delay_ms * interval '1 millisecond' + p.priority * interval '1 minute')
    from timed t
    where
        p.ctid = any(array(select row from timed)) and p.shard = $1 and p.id = t.id
        and p.run_at > now() + t.delay_ms * interval '1 millisecond'
    returning p.queue, p.due
)
select
    (select count(*) from chunk) as told,
    array(select distinct queue from woken where due) as queues,
    exists (select from woken where not due) as future
