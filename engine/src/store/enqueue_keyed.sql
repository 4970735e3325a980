-- Jobs with unique or idempotency keys, one call of the function a job. In the order of their keys,
-- so that two callers with the same keys cannot deadlock.
select
    e.id, e.answer, x.place, w.wake,
    case when $11 and w.wake is not null then pg_notify('engine_wake', w.wake) end as told
from (
    select *
    from unnest(
        $1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::smallint[],
        $7::smallint[], $8::bigint[], $9::timestamptz[], $10::jsonb[]
    ) with ordinality as x (shard, id, kind, args, queue, priority, max_attempts, delay_ms, run_at, rest, place)
    order by x.kind, x.rest ->> 'unique_key', x.rest ->> 'idempotency_key', x.place
) x
cross join lateral engine.enqueue_keyed(
    x.shard, x.id, x.kind, x.args::jsonb, x.queue, x.priority, x.max_attempts,
    coalesce(x.run_at, now() + x.delay_ms * interval '1 millisecond', now()), x.rest
) e
-- Who has work now: nobody by a job that stands already, or that waits for its twin.
cross join lateral (
    select case
        when e.answer <> 'inserted' then null
        when coalesce(x.run_at, now() + x.delay_ms * interval '1 millisecond') > now() then '!'
        -- The kind's own queue is not looked up: one more table here, and Postgres would plan this anew each time.
        else coalesce(x.queue, '*')
    end as wake
) w
