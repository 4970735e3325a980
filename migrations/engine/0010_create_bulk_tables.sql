-- Acts on many jobs: what was asked, how far it is, what came of it. Why: an act on ten thousand jobs
-- must outlive the process that does it, and people must be able to watch and stop it. New tables: no
-- locks. Small, the same on every shard.

create table engine.bulk (
    id uuid primary key,
    act text not null,
    -- A JSON merge patch (RFC 7396) for the args of jobs that are run again.
    patch jsonb,
    -- Read and checked when it was made, and written as it was understood. It is walked narrowed to the
    -- states that the act is legal in.
    filter text not null,
    -- Jobs that come to match later are not touched.
    as_of timestamptz not null default now(),
    chunk integer not null,
    rate_per_s double precision,
    canary_jobs integer,
    canary_wait_ms bigint,
    canary_tolerate integer,
    canary_ids uuid[] not null default '{}',
    canary_until timestamptz,
    canary_passed boolean not null default false,
    state text not null default 'planned',
    -- Counted when it was planned; at least so many unless all were counted.
    matched bigint not null,
    matched_all boolean not null,
    -- Rows that the walk has looked at, found or not.
    looked_at bigint not null default 0,
    done bigint not null default 0,
    -- Had moved between the walk and the act.
    skipped bigint not null default 0,
    refused bigint not null default 0,
    chunks bigint not null default 0,
    -- Where the walk goes on: behind this row. Written with the chunk that ends there.
    cursor_at timestamptz,
    cursor_id uuid,
    -- Chunks that failed in a row, and what the last one or a person said.
    failures smallint not null default 0,
    error text,
    -- When the next chunk is due: the pace, a canary's next look, the pause after a failure.
    next_at timestamptz not null default now(),
    requested_by text not null,
    requested_via text not null,
    reason text,
    idempotency_key text,
    request_hash text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    constraint act_known check (act in ('retry', 'run_again', 'run_now', 'cancel', 'delete')),
    constraint state_known check (state in ('planned', 'running', 'waiting', 'done', 'aborted', 'stopped', 'failed')),
    constraint ended_iff_over check ((ended_at is not null) = (state in ('done', 'aborted', 'stopped', 'failed'))),
    constraint patch_only_for_run_again check (patch is null or act = 'run_again'),
    constraint chunk_bounded check (chunk between 1 and 1000),
    constraint rate_positive check (rate_per_s > 0),
    constraint canary_whole check (
        (canary_jobs is null) = (canary_wait_ms is null) and (canary_jobs is null) = (canary_tolerate is null)
    ),
    constraint counts_not_negative check (matched >= 0 and looked_at >= 0 and done >= 0 and skipped >= 0 and refused >= 0)
);

-- What an executor looks for: empty but for acts under way.
create index bulk_due on engine.bulk (next_at, id) where ended_at is null;
create unique index bulk_by_idempotency_key on engine.bulk (idempotency_key) where idempotency_key is not null;

-- Refusals, by the stable word of the error.
create table engine.bulk_result (
    bulk_id uuid not null references engine.bulk on delete cascade,
    code text not null,
    jobs bigint not null,
    -- The first one's.
    message text not null,
    -- The first ones; at most 100.
    job_ids uuid[] not null,
    primary key (bulk_id, code),
    constraint job_ids_bounded check (cardinality(job_ids) <= 100)
);
