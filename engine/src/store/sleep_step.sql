-- How many milliseconds are left of a sleep. The first to ask sets its end; everyone after finds it.
with held as materialized (
    select 1 as one
    from engine.running
    where shard = $1 and id = $2 and attempt = $3 and nonce = $4
    for no key update
),
begun as (
    insert into engine.flow (shard, job_id, steps_version)
    select $1, $2, $7 from held
    on conflict (shard, job_id) do update
    set steps_version = excluded.steps_version
    where engine.flow.steps_version is null
),
asleep as (
    insert into engine.step (shard, job_id, name, attempt, result)
    select $1, $2, $5, $3, jsonb_build_object('until', now() + $6 * interval '1 millisecond') from held
    on conflict do nothing
    returning result
)
select
    greatest(ceil(extract(epoch from (
        (coalesce(
            (select result from asleep),
            (select result from engine.step where shard = $1 and job_id = $2 and name = $5)
        ) ->> 'until')::timestamptz - now()
    )) * 1000), 0)::bigint
from held
