-- What years of work leave beside jobs: $1 rows of the audit trail, a tenth as many ticks of the schedule
-- $2, and a hundredth as many tokens and workers that have stopped.
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
)
insert into engine.token (id, name, secret_hash, scopes, created_at, created_by, revoked_at)
select 'bench' || n, 'bench seed', '\x00', '{jobs:read}', at, 'bench', at
from n
where n % 100 = 0
on conflict do nothing
