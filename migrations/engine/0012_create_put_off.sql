-- Jobs that were put off find back as soon as what they were put off for is open again. A new table: no
-- locks. The new column of engine.attempt is null and takes no rewrite, only a moment's lock.

-- How many put-offs in a row this row stands for; null is one. A job that is put off for a day must not
-- leave thousands of rows.
alter table engine.attempt add column times integer;

-- What a job was put off for. Beside engine.pending and not in it, so that jobs which are never put off
-- pay nothing. A row may outlast its use: whoever reads it looks whether its job still waits.
create table engine.put_off (
    shard smallint not null,
    job_id uuid not null,
    key text not null,
    put_off_at timestamptz not null default now(),
    primary key (shard, job_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

create index put_off_by_key on engine.put_off (shard, key, job_id);
