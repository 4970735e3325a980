-- Keeps what a step gave, and with the first step the version of the list it is on. The job's row is
-- locked: a rescue waits, so that the next attempt finds the step done.
with held as (
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
)
insert into engine.step (shard, job_id, name, attempt, result)
select $1, $2, $5, $3, $6::jsonb from held
on conflict do nothing
returning 1
