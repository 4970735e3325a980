-- Writes how attempts ended: one statement for a whole batch, every row under its fence. Returns those
-- that were refused, because their attempt no longer owns the job (nothing passed), and the queues
-- that have work by it. Rows are taken in the order of the input, which is by id, so that two settlers cannot
-- deadlock.
with input as materialized (
    select *
    from unnest(
        $2::uuid[], $3::integer[], $4::bigint[], $5::text[], $6::text[], $7::bigint[],
        $8::text[], $9::text[], $10::text[], $11::text[]
    ) as x (id, attempt, nonce, state, outcome, delay_ms, code, error, result, waiting_for)
),
held as materialized (
    select x.*, r.row
    from input x
    cross join lateral (
        select ctid as row
        from engine.running
        where shard = $1 and id = x.id and attempt = x.attempt and nonce = x.nonce
        offset 0
    ) r
),
taken as (
    -- By address. A row under its address never changes hands: another attempt is another row.
    delete from engine.running
    where ctid = any(array(select row from held)) and shard = $1
    returning *
),
removed as (
    select
        t.*, h.outcome, h.delay_ms, h.code, h.error, h.result, h.waiting_for,
        -- A person's cancel wins over another try, never over an end.
        case when t.cancel_requested and h.state in ('available', 'waiting') then 'cancelled' else h.state end::engine.job_state as state,
        t.failed + (h.outcome in ('retry', 'dead'))::integer as failed_now,
        -- Without a limit a wait lasts until it is ended.
        case when h.delay_ms < 0 then 'infinity' else now() + h.delay_ms * interval '1 millisecond' end as next_run_at
    from taken t
    join held h on h.id = t.id and h.attempt = t.attempt and h.nonce = t.nonce
),
ended as (
    insert into engine.ended (
        shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts,
        worker_id, started_at, outcome, code, error, result
    )
    select
        shard, id, kind, queue, state, priority, attempt, failed_now, crashes, max_attempts,
        worker_id, started_at, outcome, code, error, result::jsonb
    from removed
    where state in ('completed', 'cancelled', 'dead')
),
put_back as (
    insert into engine.pending (
        shard, id, kind, queue, state, due, priority, run_at, attempt, failed, crashes,
        max_attempts, unique_key, partition_key, waiting_for, batch_id, rank_at, ordered, limited
    )
    select
        shard, id, kind, queue, state, state = 'available' and delay_ms <= 0, priority, next_run_at,
        attempt, failed_now, crashes, max_attempts, unique_key, partition_key, waiting_for, batch_id,
        case when delay_ms < 0 then now() else next_run_at end + priority * interval '1 minute',
        partition_key is not null and exists (select from engine.kind k where k.name = kind and k.partition_order is not null),
        kind = any(array(select name from engine.kind where limited))
    from removed
    where state in ('available', 'waiting')
    returning shard, id, waiting_for
),
keyed as materialized (
    select
        r.id, r.attempt, r.nonce, r.shard, r.kind, r.state,
        -- A try that counts has had its turn; without one a job is queued as before.
        case
            when b.id is null then r.unique_key
            when r.unique_key is null and r.outcome in ('snooze', 'give_back') then engine.queued_key(r.shard, r.id)
        end as key
    from removed r
    left join put_back b on b.id = r.id
),
tried as (
    insert into engine.attempt (
        shard, job_id, attempt, worker_id, started_at, outcome, code, error, next_run_at
    )
    select shard, id, attempt, worker_id, started_at, outcome, code, error, nullif(next_run_at, 'infinity')
    from removed
    where state in ('available', 'waiting')
),
members as (
    select
        batch_id, (state = 'completed')::integer as completed, (state = 'cancelled')::integer as cancelled,
        (state = 'dead')::integer as dead
    from removed
    where batch_id is not null and state in ('completed', 'cancelled', 'dead')
    union all
    -- What is waited for may have ended while this was on its way.
    select substr(waiting_for, length('batch:') + 1)::uuid, 0, 0, 0
    from put_back
    where waiting_for like 'batch:%'
)
select x.id, x.attempt, x.nonce, null as passed, null as woken
from input x
where (x.id, x.attempt, x.nonce) not in (select id, attempt, nonce from removed)
union all
select
    id, attempt, nonce,
    case
        when state = 'available' then engine.retake_key(shard, kind, key, id)::text
        else engine.pass_key(shard, kind, key, id, state)::text
    end,
    null
-- Keys are locked in the order in which a bulk enqueue locks them.
from (select * from keyed where key is not null order by kind, key) held
union all
select id, attempt, nonce, coalesce(engine.abandon(shard, id)::text, ''), null
from removed
where state = 'cancelled'
union all
select id, attempt, nonce, coalesce(engine.block_partition(shard, partition_key, id, kind)::text, ''), null
from removed
where state = 'dead' and partition_key is not null
union all
select null, null, null, '', engine.end_members($1, batch_id, completed, cancelled, dead)
from (
    select batch_id, sum(completed)::integer as completed, sum(cancelled)::integer as cancelled, sum(dead)::integer as dead
    from members
    group by batch_id
    order by batch_id desc
) counted
union all
select id, null, null, '', engine.look_for_signal(shard, id, waiting_for)
from (select * from put_back where waiting_for like 'signal:%' order by id) listening
