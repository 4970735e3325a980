-- What years of work leave beside jobs: $1 rows of the audit trail, a tenth as many ticks of the schedule
-- $2 and steps of the newest dead letter, and a hundredth as many tokens, connections' breakers and budgets, and
-- workers that have stopped.
with n as materialized (
    select n, now() - ($1 - n) * interval '1 minute' as at
    from generate_series(1, $1::bigint) n
),
told as (
    insert into engine.audit (at, actor, via, action, target, detail)
    select at, 'bench', 'cli', 'job.retry', 'job ' || n % 10000, '{"reason": "to measure"}'
    from n
),
ticked as (
    insert into engine.tick (schedule, tick_at, decided_at, decision)
    select $2, at, at, 'skipped_missed'
    from n
    where n % 10 = 0
    on conflict do nothing
),
worked as (
    insert into engine.worker (id, label, version, queues, kinds, started_at, seen_at, stopped_at)
    select gen_random_uuid(), 'bench seed', '0', '{bench_seed}', '{}', at, at, at
    from n
    where n % 100 = 0
),
stepped as (
    insert into engine.step (shard, job_id, name, attempt, result, ended_at)
    select $3, dead.id, 'page ' || n, 1, '{"rows": 200}', at
    from n
    cross join (select id from engine.ended where shard = $3 and state = 'dead' order by id desc limit 1) dead
    where n % 10 = 0
),
broken as (
    insert into engine.breaker (shard, connection)
    select $3, 'bench/' || n
    from n
    where n % 100 = 0
    on conflict do nothing
),
budgeted as (
    insert into engine.budget (shard, key, capacity, refill_per_s, refill_ceiling_per_s, tokens, level_known)
    select $3, 'bench/' || n, 10, 1, 1, 10, true
    from n
    where n % 100 = 0
    on conflict do nothing
)
insert into engine.token (id, name, secret_hash, scopes, created_at, created_by, revoked_at)
select 'bench' || n, 'bench seed', '\x00', '{jobs:read}', at, 'bench', at
from n
where n % 100 = 0
on conflict do nothing
