-- What handlers said while they ran: one row for each attempt that said something, with its first and
-- its last lines. Written beside the settle and never in it. A new table and a replaced function: no
-- locks.

create table engine.attempt_log (
    shard smallint not null,
    job_id uuid not null,
    attempt integer not null,
    -- An array of {n, ms, level, target, text}: n counts from 1, ms from the start of the attempt.
    lines jsonb not null,
    -- Lines between the first and the last ones that are not here.
    left_out bigint not null,
    updated_at timestamptz not null default now(),
    primary key (shard, job_id, attempt),
    constraint lines_bounded check (pg_column_size(lines) <= 4000000)
);

-- For the prune service.
create index attempt_log_by_time on engine.attempt_log (shard, updated_at);

-- Removes all that belongs to jobs that have ended; returns how many there were.
create or replace function engine.forget(p_shard smallint, p_ids uuid[]) returns bigint language plpgsql as $$
begin
    delete from engine.attempt where shard = p_shard and job_id = any(p_ids);
    delete from engine.attempt_log where shard = p_shard and job_id = any(p_ids);
    delete from engine.step where shard = p_shard and job_id = any(p_ids);
    delete from engine.signal where shard = p_shard and job_id = any(p_ids);
    delete from engine.flow where shard = p_shard and job_id = any(p_ids);
    delete from engine.batch where shard = p_shard and owner_id = any(p_ids);
    delete from engine.partition_block where shard = p_shard and job_id = any(p_ids);
    delete from engine.job where shard = p_shard and id = any(p_ids);
    return coalesce(cardinality(p_ids), 0);
end $$;
