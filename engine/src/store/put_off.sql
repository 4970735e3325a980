-- Puts jobs back that were claimed while what they need is shut: no failure, and one row of history for all
-- put-offs in a row. They hold the keys again that they hold while queued. Returns whose it was; attempts that no
-- longer own their job, and those that a person has cancelled, are left to settle.sql.
with input as materialized (
    select *
    from unnest(
        $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[]
    ) as x (id, attempt, nonce, delay_ms, code, error, key)
),
held as materialized (
    select x.*, r.row
    from input x
    cross join lateral (
        select ctid as row
        from engine.running
        where shard = $1 and id = x.id and attempt = x.attempt and nonce = x.nonce and not cancel_requested
        offset 0
    ) r
),
taken as (
    -- By address. A row under its address never changes hands: another attempt is another row.
    delete from engine.running
    where ctid = any(array(select row from held)) and shard = $1 and not cancel_requested
    returning *
),
moved as materialized (
    select t.*, h.code, h.error, h.key, now() + h.delay_ms * interval '1 millisecond' as next_run_at
    from taken t
    join held h on h.id = t.id
),
put_back as (
    insert into engine.pending (
        shard, id, kind, queue, due, priority, run_at, attempt, failed, crashes, max_attempts, unique_key,
        partition_key, batch_id, rank_at, ordered, limited
    )
    select
        shard, id, kind, queue, false, priority, next_run_at, attempt, failed, crashes, max_attempts, unique_key,
        partition_key, batch_id, next_run_at + priority * interval '1 minute',
        partition_key is not null and exists (select from engine.kind k where k.name = kind and k.partition_order is not null),
        kind = any(array(select name from engine.kind where limited))
    from moved
    returning shard, id, kind, unique_key
),
streak as materialized (
    select m.id, a.row, a.attempt
    from moved m
    cross join lateral (
        select ctid as row, attempt, outcome
        from engine.attempt
        where shard = $1 and job_id = m.id
        order by attempt desc
        limit 1
    ) a
    where a.outcome = 'put_off'
),
longer as (
    -- The row goes along with the newest attempt, so that the next in a row finds it and no later one
    -- meets its number.
    update engine.attempt a
    set
        attempt = m.attempt, worker_id = m.worker_id, ended_at = now(), code = m.code, error = m.error,
        next_run_at = m.next_run_at, times = coalesce(a.times, 1) + 1
    from moved m
    join streak s on s.id = m.id
    -- An address is one of each era: the number makes it this row.
    where a.ctid = any(array(select row from streak)) and a.shard = $1 and a.job_id = m.id and a.attempt = s.attempt
),
begun as (
    insert into engine.attempt (
        shard, job_id, attempt, worker_id, started_at, outcome, code, error, next_run_at, times
    )
    select shard, id, attempt, worker_id, started_at, 'put_off', code, error, next_run_at, 1
    from moved
    where id not in (select id from streak)
),
marked as (
    insert into engine.put_off (shard, job_id, key)
    select shard, id, key from moved
    on conflict (shard, job_id) do update set key = excluded.key, put_off_at = now()
)
select id, case when key is not null then engine.retake_key(shard, kind, key, id)::text end as held
from (
    select *, case when unique_key is null then engine.queued_key(shard, id) end as key
    from put_back
    -- Keys are locked in the order in which a bulk enqueue locks them.
    order by kind, key
) keyed
