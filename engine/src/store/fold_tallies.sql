-- Folds $2 tallies at most. Whoever does not get the lock leaves it to who did: two folders would meet in
-- the same rows, and one is enough for all.
with taken as (
    delete from engine.tally
    where
        ctid = any(array(
            select ctid
            from engine.tally
            where shard = $1 and (select pg_try_advisory_xact_lock(hashtextextended('engine fold', $1)))
            limit $2
        ))
        and shard = $1
    returning *
),
rolled as (
    insert into engine.rollup as r (
        shard, step_minutes, start_at, queue, kind, state, connection, bucket, ended, sum_ms, most_ms
    )
    select
        shard, s.minutes, date_bin(s.minutes * interval '1 minute', minute_at, 'epoch'),
        queue, kind, state, connection, bucket, sum(ended), sum(sum_ms), max(most_ms)
    from taken
    cross join (values (1::smallint), (60::smallint)) s (minutes)
    where ended > 0
    group by 1, 2, 3, 4, 5, 6, 7, 8
    on conflict (shard, step_minutes, start_at, queue, kind, state, connection, bucket) do update set
        ended = r.ended + excluded.ended,
        sum_ms = r.sum_ms + excluded.sum_ms,
        most_ms = greatest(r.most_ms, excluded.most_ms)
),
totalled as (
    insert into engine.total as t (shard, queue, kind, state, jobs)
    select shard, queue, kind, state, sum(stock)
    from taken
    group by shard, queue, kind, state
    having sum(stock) <> 0
    on conflict (shard, queue, kind, state) do update set jobs = t.jobs + excluded.jobs
)
select count(*) from taken
