-- Flows: jobs that run in steps and wait in between. New columns are null and take no table rewrite;
-- the two index statements lock engine.pending for as long as it takes to read its rows once.

-- The batch a job counts in. Null for most jobs, and then it costs nothing.
alter table engine.pending add column batch_id uuid;
alter table engine.running add column batch_id uuid;
-- Batches that wait for the job that holds this key, since it stands for a member of theirs.
alter table engine.key add column watchers uuid[];

-- A job that waits without a limit has run_at = 'infinity' and is in no index but its key's: it costs
-- nothing until it is released. One that waits with a limit comes due like any other.
drop index engine.pending_future;
update engine.pending set run_at = 'infinity' where state = 'waiting';
create index pending_timed on engine.pending (shard, run_at, id) where not due and run_at < 'infinity';

-- Jobs that one other job, the owner, waits for. The counts are kept by whoever ends a member, so that
-- the end of the last of ten thousand costs as much as that of the first.
create table engine.batch (
    shard smallint not null,
    id uuid not null,
    owner_id uuid not null,
    name text not null,
    -- True in a chain: the owner runs only if all members completed.
    needs_all boolean not null default false,
    total integer not null,
    pending integer not null,
    completed integer not null default 0,
    cancelled integer not null default 0,
    dead integer not null default 0,
    -- The owner was cancelled, and the members are still to be.
    abandoned boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (shard, id),
    constraint counts_add_up check (total = pending + completed + cancelled + dead),
    constraint counts_not_negative check (least(pending, completed, cancelled, dead) >= 0)
);

create unique index batch_by_owner on engine.batch (shard, owner_id, name);
-- For the service that cancels what a cancelled owner has left.
create index batch_abandoned on engine.batch (shard, id) where abandoned;

-- How far a flow is. Made by its first step, progress or signal. Its row is the lock under which a
-- signal and the wait for it meet.
create table engine.flow (
    shard smallint not null,
    job_id uuid not null,
    -- Of the list of steps that the job began with; null until its first step.
    steps_version integer,
    done bigint,
    total bigint,
    message text,
    progress_at timestamptz,
    primary key (shard, job_id)
);

-- Steps that need not be done again, with what they gave.
create table engine.step (
    shard smallint not null,
    job_id uuid not null,
    name text not null,
    attempt integer not null,
    result jsonb not null,
    ended_at timestamptz not null default now(),
    primary key (shard, job_id, name)
);

-- What was told to a job, before or while it waited for it. The first word stands, and running out of
-- time is a word too.
create table engine.signal (
    shard smallint not null,
    job_id uuid not null,
    name text not null,
    payload jsonb,
    timed_out boolean not null default false,
    sent_by text,
    sent_at timestamptz not null default now(),
    primary key (shard, job_id, name)
);

-- Counts members that ended, and lets the owner go on once none is pending. With nothing to count it
-- only looks: a wait that begins after the last member ended must not last. Locks the batch, then the
-- owner, then the batch the owner is in: upwards, and among batches the younger before the older.
create function engine.end_members(
    p_shard smallint, p_batch uuid, p_completed integer, p_cancelled integer, p_dead integer
) returns text language plpgsql as $$
declare
    b engine.batch;
    woken text;
begin
    update engine.batch
    set
        pending = pending - p_completed - p_cancelled - p_dead,
        completed = completed + p_completed, cancelled = cancelled + p_cancelled, dead = dead + p_dead
    where shard = p_shard and id = p_batch
    returning * into b;
    if b.pending is distinct from 0 then
        return null;
    end if;
    if b.needs_all and b.completed < b.total then
        perform engine.break_chain(b);
        return null;
    end if;
    update engine.pending
    set state = 'available', due = true, run_at = now(), waiting_for = null
    where shard = p_shard and id = b.owner_id and state = 'waiting' and waiting_for = 'batch:' || b.id
    returning queue into woken;
    return woken;
end $$;

-- Ends the owner of a batch of which not all completed, and with it whatever waits for the owner.
create function engine.break_chain(b engine.batch) returns void language plpgsql as $$
declare
    p engine.pending;
begin
    delete from engine.pending
    where shard = b.shard and id = b.owner_id and state = 'waiting' and waiting_for = 'batch:' || b.id
    returning * into p;
    if p.id is null then
        return;
    end if;
    insert into engine.ended (
        shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome, code, error
    ) values (
        p.shard, p.id, p.kind, p.queue, 'cancelled', p.priority, p.attempt, p.failed, p.crashes, p.max_attempts,
        'cancel', 'chain_broken', 'the job before it in its chain did not complete'
    );
    if p.unique_key is not null then
        perform engine.pass_key(p.shard, p.kind, p.unique_key, p.id, 'cancelled');
    end if;
    if p.batch_id is not null then
        perform engine.end_members(p.shard, p.batch_id, 0, 1, 0);
    end if;
end $$;

-- The owner ends as cancelled: so will its members, by the service.
create function engine.abandon(p_shard smallint, p_owner uuid) returns void language sql as $$
    update engine.batch set abandoned = true where shard = p_shard and owner_id = p_owner and pending > 0
$$;

-- A member that had ended tries on: it is waited for again, if its owner still does.
create function engine.reopen_member(p_shard smallint, p_batch uuid, p_was engine.job_state) returns void language sql as $$
    update engine.batch
    set
        pending = pending + 1,
        cancelled = cancelled - (p_was = 'cancelled')::integer,
        dead = dead - (p_was = 'dead')::integer
    where shard = p_shard and id = p_batch
$$;

-- Says something to a job, once and for all times. Returns what became of it, and the queue that has
-- work now. The flow's row is locked first: a wait that begins at the same time looks under the same lock.
create function engine.tell(
    p_shard smallint, p_job uuid, p_name text, p_payload jsonb, p_timed_out boolean, p_by text,
    out answer text, out woken text
) language plpgsql as $$
begin
    if not exists (select from engine.job where shard = p_shard and id = p_job) then
        answer := 'no_job';
        return;
    end if;
    insert into engine.flow (shard, job_id) values (p_shard, p_job)
    on conflict (shard, job_id) do update set job_id = excluded.job_id;
    if exists (select from engine.ended where shard = p_shard and id = p_job) then
        answer := 'ended';
        return;
    end if;
    insert into engine.signal (shard, job_id, name, payload, timed_out, sent_by)
    values (p_shard, p_job, p_name, p_payload, p_timed_out, p_by)
    on conflict do nothing;
    if not found then
        answer := 'already';
        return;
    end if;
    answer := 'sent';
    update engine.pending
    set state = 'available', due = true, run_at = now(), waiting_for = null
    where shard = p_shard and id = p_job and state = 'waiting' and waiting_for = 'signal:' || p_name
    returning queue into woken;
end $$;

-- A wait for a signal has begun: it may have been sent a moment before.
create function engine.look_for_signal(p_shard smallint, p_job uuid, p_waiting_for text) returns text language plpgsql as $$
declare
    woken text;
begin
    insert into engine.flow (shard, job_id) values (p_shard, p_job)
    on conflict (shard, job_id) do update set job_id = excluded.job_id;
    update engine.pending
    set state = 'available', due = true, run_at = now(), waiting_for = null
    where
        shard = p_shard and id = p_job and state = 'waiting' and waiting_for = p_waiting_for
        and exists (
            select from engine.signal
            where shard = p_shard and job_id = p_job and 'signal:' || name = p_waiting_for
        )
    returning queue into woken;
    return woken;
end $$;

-- The front door for SQL: tells a job something in the caller's transaction.
--   select engine.signal('0192...', 'approved', '{"by": "ann"}');
create function engine.signal(job_id uuid, name text, payload jsonb default null) returns text language plpgsql as $$
declare
    told record;
begin
    select * into told from engine.tell(0::smallint, job_id, name, payload, false, 'sql:' || session_user);
    if told.answer = 'no_job' then
        raise exception 'no job %', job_id using errcode = '22023';
    end if;
    if told.woken is not null then
        perform pg_notify('engine_wake', told.woken);
    end if;
    return told.answer;
end $$;

-- A job has this key and ends: batches that wait for it learn how. A follower takes its own time again.
drop function engine.pass_key(smallint, text, text, uuid);
create function engine.pass_key(
    p_shard smallint, p_kind text, p_key text, p_id uuid, p_state engine.job_state default null
) returns void language plpgsql as $$
declare
    held engine.key;
    watcher uuid;
begin
    select * into held from engine.key k
    where k.shard = p_shard and k.kind = p_kind and k.key = 'unique:' || p_key for update;
    if held.follower_id = p_id then
        update engine.key k set follower_id = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    elsif held.job_id is distinct from p_id then
        return;
    elsif held.follower_id is not null then
        update engine.key k set job_id = held.follower_id, follower_id = null, watchers = null
        where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
        update engine.pending p
        set state = 'available', due = j.run_at <= now(), run_at = j.run_at, waiting_for = null
        from engine.job j
        where
            p.shard = p_shard and p.id = held.follower_id and p.state = 'waiting' and p.waiting_for = 'twin'
            and j.shard = p.shard and j.id = p.id;
    elsif held.expires_at is null then
        delete from engine.key k where k.shard = p_shard and k.kind = p_kind and k.key = held.key;
    end if;
    if held.job_id = p_id and held.watchers is not null then
        for watcher in select unnest(held.watchers) order by 1 desc loop
            perform engine.end_members(
                p_shard, watcher, (p_state = 'completed')::integer, (p_state is null or p_state = 'cancelled')::integer,
                (p_state = 'dead')::integer
            );
        end loop;
    end if;
end $$;

-- Every job with where it stands, for reading. Never on the hot path.
create or replace view engine.job_status as
select
    j.shard, j.id, j.kind, s.queue, s.state, s.priority, s.run_at, s.attempt, s.failed, s.crashes,
    s.max_attempts, s.worker_id, s.started_at, s.lease_until, s.cancel_requested, s.waiting_for,
    s.ended_at, s.outcome, s.code, s.error, s.result,
    j.args, j.created_at, j.timeout_ms, j.backoff, j.tags, j.unique_key, j.unique_scope, j.idempotency_key,
    j.partition_key, j.parent_id, j.batch_id, j.replayed_from, j.trace_context, j.asked_by
from engine.job j
cross join lateral (
    select
        p.queue, p.state, p.priority,
        -- A wait without a limit has no time of its own.
        case when p.run_at = 'infinity' then j.run_at else p.run_at end as run_at,
        p.attempt, p.failed, p.crashes, p.max_attempts,
        null::uuid as worker_id, null::timestamptz as started_at, null::timestamptz as lease_until,
        false as cancel_requested, p.waiting_for, null::timestamptz as ended_at, null::text as outcome,
        null::text as code, null::text as error, null::jsonb as result
    from engine.pending p
    where p.shard = j.shard and p.id = j.id
    union all
    select
        r.queue, 'running', r.priority, j.run_at, r.attempt, r.failed, r.crashes, r.max_attempts,
        r.worker_id, r.started_at, r.lease_until, r.cancel_requested, null, null, null, null, null, null
    from engine.running r
    where r.shard = j.shard and r.id = j.id
    union all
    select
        e.queue, e.state, e.priority, j.run_at, e.attempt, e.failed, e.crashes, e.max_attempts,
        e.worker_id, e.started_at, null, false, null, e.ended_at, e.outcome, e.code, e.error, e.result
    from engine.ended e
    where e.shard = j.shard and e.id = j.id
) s;
