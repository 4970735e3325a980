-- The tables every job passes through. `shard` leads every key so that the same schema runs on a
-- distributed Postgres; it is 0 unless an install chooses more shards. New tables: no locks.

create schema if not exists engine;

create type engine.job_state as enum (
    'available', 'running', 'waiting', 'completed', 'cancelled', 'dead'
);

-- What each kind asks for unless its enqueue says otherwise. Written by every worker at start from
-- its registry and workers.toml, so that SQL users, HTTP and Rust get the same policy.
create table engine.kind (
    name text primary key,
    queue text not null default 'default',
    priority smallint not null default 0,
    max_attempts smallint not null default 8,
    timeout_ms bigint not null default 300000,
    backoff_base_ms bigint not null default 10000,
    backoff_factor double precision not null default 2.0,
    backoff_max_ms bigint not null default 3600000,
    registered_at timestamptz not null default now(),
    constraint name_is_an_address check (name ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$' and length(name) <= 100),
    constraint max_attempts_positive check (max_attempts between 1 and 1000)
);

-- What was asked for: wide, written once, read at claim and by people. Where the job stands is told by
-- the one other table it has a row in: engine.pending, engine.running or engine.ended.
create table engine.job (
    shard smallint not null,
    id uuid not null,
    kind text not null,
    args jsonb not null,
    queue text not null,
    priority smallint not null,
    run_at timestamptz not null,
    max_attempts smallint not null,
    created_at timestamptz not null default now(),
    timeout_ms bigint,
    backoff jsonb,
    tags text[],
    unique_key text,
    unique_scope text,
    idempotency_key text,
    partition_key text,
    rate_keys text[],
    parent_id uuid,
    batch_id uuid,
    replayed_from uuid,
    trace_context text,
    asked_by text,
    primary key (shard, id),
    -- The bound of callers is 256 KiB of text; jsonb takes up to six bytes for one of them.
    constraint args_bounded check (pg_column_size(args) <= 2000000),
    constraint max_attempts_positive check (max_attempts between 1 and 1000),
    constraint kind_bounded check (length(kind) between 1 and 100),
    constraint queue_bounded check (length(queue) between 1 and 100)
);

create index job_by_parent on engine.job (shard, parent_id, id) where parent_id is not null;
create index job_by_batch on engine.job (shard, batch_id, id) where batch_id is not null;

-- Jobs that nobody runs and that have not ended. Narrow, because a job passes through here with every
-- attempt: a claim deletes the row, a retry inserts it again. Deleting and inserting costs a third
-- less than updating a row that stays; see benches/shapes.
create table engine.pending (
    shard smallint not null,
    id uuid not null,
    kind text not null,
    queue text not null,
    state engine.job_state not null default 'available',
    -- False keeps a job that is not due yet out of the ready index, whatever its priority: a claim
    -- never walks over the future. The promote service sets it when run_at has come.
    due boolean not null,
    priority smallint not null,
    run_at timestamptz not null,
    -- The fence: raised by every claim, never lowered. Attempts that count against max_attempts are
    -- in `failed`, so that a snooze or a give-back costs none.
    attempt integer not null default 0,
    failed smallint not null default 0,
    crashes smallint not null default 0,
    max_attempts smallint not null,
    unique_key text,
    unique_until_claim boolean not null default false,
    partition_key text,
    waiting_for text,
    pending_children integer not null default 0,
    primary key (shard, id),
    constraint pending_is_available_or_waiting check (state in ('available', 'waiting')),
    constraint only_available_is_due check (state = 'available' or not due),
    constraint counts_not_negative check (attempt >= 0 and failed >= 0 and crashes >= 0 and pending_children >= 0)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- The claim's order. Only due jobs are in it.
create index pending_ready on engine.pending (shard, queue, priority, run_at, id) where due;
-- The promote service's order.
create index pending_future on engine.pending (shard, run_at, id) where state = 'available' and not due;

-- Jobs under a lease: one row an attempt, for as long as it runs. The lease has no index on purpose:
-- entries of one claim all have the same one, and keeping them cost a claim more than all else, while
-- the rescue service reads few pages without it. So is a heartbeat's update, which no index sees, cheap.
create table engine.running (
    shard smallint not null,
    id uuid not null,
    kind text not null,
    queue text not null,
    priority smallint not null,
    attempt integer not null,
    failed smallint not null,
    crashes smallint not null,
    max_attempts smallint not null,
    nonce bigint not null,
    worker_id uuid not null,
    started_at timestamptz not null,
    lease_until timestamptz not null,
    cancel_requested boolean not null default false,
    unique_key text,
    partition_key text,
    primary key (shard, id),
    constraint attempt_positive check (attempt > 0)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- How a job ended: one row, never updated. It is also the record of the attempt that ended it;
-- `started_at` is null when no attempt did, as in the cancel of a queued job.
create table engine.ended (
    shard smallint not null,
    id uuid not null,
    kind text not null,
    queue text not null,
    state engine.job_state not null,
    priority smallint not null,
    attempt integer not null,
    failed smallint not null,
    crashes smallint not null,
    max_attempts smallint not null,
    worker_id uuid,
    started_at timestamptz,
    ended_at timestamptz not null default now(),
    outcome text not null,
    code text,
    error text,
    result jsonb,
    primary key (shard, id),
    constraint ended_is_terminal check (state in ('completed', 'cancelled', 'dead')),
    constraint started_only_if_attempted check (started_at is null or attempt > 0)
);

-- Dead letters and cancelled jobs, the few that people list by time. Completed jobs are the many:
-- they are listed by id, which is their time of creation, and pruned by the summary index below,
-- which costs a drain almost nothing because rows arrive in the order of ended_at.
create index ended_unfinished on engine.ended (shard, state, ended_at, id) where state <> 'completed';
create index ended_by_time on engine.ended using brin (ended_at) with (pages_per_range = 32);

-- Attempts that did not end their job: retried, snoozed, given back, crashed.
create table engine.attempt (
    shard smallint not null,
    job_id uuid not null,
    attempt integer not null,
    worker_id uuid,
    started_at timestamptz not null,
    ended_at timestamptz not null default now(),
    outcome text not null,
    code text,
    error text,
    next_run_at timestamptz,
    primary key (shard, job_id, attempt)
);

-- Keys that jobs hold. A unique key is held until its job lets go of it (expires_at is null) or for a
-- period; an idempotency key for a period.
create table engine.key (
    shard smallint not null,
    kind text not null,
    key text not null,
    job_id uuid not null,
    -- The one job that waits for the holder to end, to hold the key next.
    follower_id uuid,
    -- A hash of kind and args: the same idempotency key with another request is a mistake worth an
    -- error. Null for unique keys, where other args are expected.
    request_hash text,
    expires_at timestamptz,
    primary key (shard, kind, key)
);

create index key_by_expiry on engine.key (shard, expires_at) where expires_at is not null;
