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

-- How long a connection has been failing, over all its openings in a row, and what was done about it.
alter table engine.breaker
    add column failing_since timestamptz,
    add column alarm text,
    add constraint alarm_known check (alarm in ('warned', 'suspended'));

-- Connections that a person should look at. Beside engine.alert, which knows nothing of remotes.
create view engine.connection_alert as
select 'connection_failing' as alert, b.connection as subject, b.failing_since as since,
       format('calls of %s have been failing since %s', b.connection, b.failing_since) as message
from engine.breaker b
where b.alarm = 'warned' and b.state <> 'closed'
union all
select 'connection_suspended', p.name, p.paused_at,
       format('%s is suspended until a person resumes it: %s', p.name, p.reason)
from engine.pause p
where p.scope = 'connection' and p.paused_by = 'lockstep';
