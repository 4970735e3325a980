-- Invented jobs number $2 + 1 to $2 + $3 in state $4, one a millisecond up to now, so that their ids
-- are in the order of their time. A future job is $4 = 'available'.
with made as materialized (
    select
        n,
        (
            lpad(to_hex((extract(epoch from now()) * 1000)::bigint - $5 + n), 12, '0') || '7'
            || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0')
        )::uuid as id,
        'bench.seed_' || n % 7 as kind,
        case n % 5 when 0 then 'bench_slow' else 'bench_seed' end as queue,
        now() - ($5 - n) * interval '1 millisecond' as at
    from generate_series($2 + 1, $2 + $3) n
),
asked as (
    insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, created_at, tags, unique_key)
    select
        $1, id, kind, jsonb_build_object('company_id', n % 1000, 'page', n), queue, 0, at, 8, at,
        case when n % 100 = 0 then array['vip'] end,
        case when n % 50 = 0 then 'company-' || n % 1000 end
    from made
),
ended as (
    insert into engine.ended (
        shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts,
        started_at, ended_at, outcome, code, error, result
    )
    select
        $1, id, kind, queue, $4::engine.job_state, 0, case $4 when 'dead' then 8 else 1 end,
        case $4 when 'dead' then 8 else 0 end, 0, 8, at, at + interval '1 second',
        case $4 when 'dead' then 'dead' else 'done' end,
        case when $4 = 'dead' then (array['http_401', 'http_500', 'timeout', 'bad_args'])[1 + n % 4] end,
        case when $4 = 'dead' then format('company %s answered %s after %s ms', n % 1000, (array[401, 500, 504])[1 + n % 3], n) end,
        case when $4 = 'completed' then '{"synced": 1}'::jsonb end
    from made
    where $4 <> 'available'
),
tried as (
    insert into engine.attempt (shard, job_id, attempt, started_at, ended_at, outcome, code, error, next_run_at)
    select $1, id, attempt, at, at, 'retry', 'http_500', 'answered 500', at
    from made, generate_series(1, 7) attempt
    where $4 = 'dead'
)
insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts)
select $1, id, kind, queue, false, 0, now() + interval '1 day' + n * interval '1 second', 8
from made
where $4 = 'available'
