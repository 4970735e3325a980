-- Jobs that are put off come back at once; connections that fail for days; key and job are locked in one
-- order. New tables, views and functions: no locks. The new columns are null and take no rewrite, only a
-- moment's lock.

-- How many put-offs in a row this row stands for; null is one. A job that is put off for a day must not
-- leave thousands of rows.
alter table engine.attempt add column times integer;

-- What a job was put off for: found again as soon as that is open. Beside engine.pending and not in it, so that jobs which are never put off
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

-- What becomes of one more job for a key that `holder` has: the `twin` rule's business. The key is locked,
-- and whoever claims or cancels the holder locks its row first and then the key: so that row is never waited
-- for. A row that somebody is taking away at this moment is as good as gone.
create or replace function engine.meet_twin(
    p_shard smallint, p_id uuid, p_kind text, p_args jsonb, p_queue text, p_priority smallint,
    p_max_attempts smallint, p_run_at timestamptz, p_rest jsonb, holder engine.key, out id uuid, out answer text
) language plpgsql as $$
declare
    rule text := coalesce(p_rest ->> 'twin', 'keep');
    queued boolean;
    scope text;
begin
    id := holder.job_id;
    answer := 'kept';
    if rule = 'keep' then
        return;
    end if;
    -- The lock holds off a claim, and is not in the way of a promotion.
    perform from engine.pending p where p.shard = p_shard and p.id = holder.job_id for key share skip locked;
    queued := found;
    if not queued and holder.expires_at is not null then
        -- It runs or has ended, and its key has a period: nothing is left to change.
        return;
    end if;
    if not queued then
        select j.unique_scope into scope from engine.job j where j.shard = p_shard and j.id = holder.job_id;
    end if;
    if scope = 'queued' then
        -- It is leaving the queue, and will find that the key is not its own any more.
        perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest);
        update engine.key k set job_id = p_id, follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
        id := p_id;
        answer := 'inserted';
        return;
    end if;
    if not queued and holder.follower_id is null then
        perform engine.insert_job(p_shard, p_id, p_kind, p_args, p_queue, p_priority, p_max_attempts, p_run_at, p_rest, true);
        update engine.key k set follower_id = p_id
        where k.shard = p_shard and k.kind = p_kind and k.key = holder.key;
        id := p_id;
        answer := 'follows';
        return;
    end if;
    if not queued then
        id := holder.follower_id;
    end if;
    if rule = 'replace_args' then
        update engine.job j set args = p_args where j.shard = p_shard and j.id = meet_twin.id;
        answer := 'replaced';
    end if;
end $$;
