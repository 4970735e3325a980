-- Workers, pauses, schedules, audit and API tokens: small tables that are the same on every shard.
-- New tables: no locks.

-- A worker process. The id is fresh at every start; the label is only for people.
create table engine.worker (
    id uuid primary key,
    label text not null,
    version text not null,
    queues text[] not null,
    kinds text[] not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    stopped_at timestamptz,
    refused_settles bigint not null default 0
);

create index worker_alive on engine.worker (seen_at) where stopped_at is null;

-- Whatever people have stopped. Every claim and every tick reads it, so all nodes obey at once.
create table engine.pause (
    scope text not null,
    name text not null,
    paused_at timestamptz not null default now(),
    paused_by text not null,
    reason text,
    primary key (scope, name),
    constraint scope_known check (scope in ('queue', 'kind', 'schedule', 'connection'))
);

create table engine.schedule (
    name text primary key,
    cron text not null,
    time_zone text not null,
    kind text not null,
    args jsonb not null default '{}',
    queue text,
    catch_up text not null,
    overlap text not null,
    -- The last instant whose ticks are decided. Ticks up to it exist or were skipped by policy.
    decided_until timestamptz not null default now(),
    next_at timestamptz,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    removed_at timestamptz,
    constraint catch_up_known check (catch_up in ('none', 'latest', 'all')),
    constraint overlap_known check (overlap in ('skip', 'queue', 'allow'))
);

-- The ledger: one row per schedule and instant, inserted together with its job, so that a tick fires
-- once however many nodes there are. `manual` runs use their own instant and no slot.
create table engine.tick (
    schedule text not null,
    tick_at timestamptz not null,
    manual boolean not null default false,
    decided_at timestamptz not null default now(),
    decision text not null,
    shard smallint,
    job_id uuid,
    primary key (schedule, tick_at, manual),
    constraint decision_known check (decision in ('enqueued', 'skipped_overlap', 'skipped_paused', 'skipped_missed')),
    constraint job_iff_enqueued check ((decision = 'enqueued') = (job_id is not null))
);

-- Who changed what, and how. Written in the transaction of the change; never changed.
create table engine.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    via text not null,
    action text not null,
    target text not null,
    detail jsonb
);

create function engine.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'engine.audit is append-only';
end $$;

create trigger audit_is_append_only before update or delete on engine.audit
    for each row execute function engine.refuse_change();
create trigger audit_is_never_emptied before truncate on engine.audit
    for each statement execute function engine.refuse_change();

create table engine.token (
    id text primary key,
    name text not null,
    secret_hash bytea not null,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
