-- How far a sync has come, so that a killed worker's successor resumes at the page. New tables: no
-- locks.

-- One row a stream and company: what the last complete walk proved.
create table sync.stream (
    name text not null,
    company_id bigint not null references sync.company (id) on delete cascade,
    -- What the listing depended on, e.g. the account: the first walk under another never sweeps.
    scope text not null,
    -- Start of the last complete walk: every zone that is not orphaned was in an answer since.
    walked_at timestamptz not null,
    run_id bigint not null,
    primary key (name, company_id)
);

-- One firing of a sync of one company. It belongs to the stream, not to a job: a job that takes
-- over from a dead one goes on with its run.
create table sync.run (
    id bigint generated always as identity primary key,
    stream text not null,
    company_id bigint not null references sync.company (id) on delete cascade,
    job_id uuid not null,
    scope text not null,
    status text not null default 'running',
    -- The walk under way, from 1. A second walk confirms what the first one missed.
    generation smallint not null default 1,
    -- Where the next page of the walk starts; opaque. Null is the beginning.
    cursor text,
    -- Pages of this walk, and what they said of the whole.
    walk_pages integer not null default 0,
    walk_total bigint,
    -- False once a page was unclear or named a record without an id.
    walk_is_clean boolean not null default true,
    -- True once two pages gave two totals.
    walk_has_drifted boolean not null default false,
    walk_started_at timestamptz not null default now(),
    -- Complete and clean walks so far, without one that was not in between.
    clean_walks smallint not null default 0,
    pages integer not null default 0,
    created integer not null default 0,
    updated integer not null default 0,
    unchanged integer not null default 0,
    revived integer not null default 0,
    adopted integer not null default 0,
    duplicate integer not null default 0,
    quarantined integer not null default 0,
    orphaned integer not null default 0,
    -- Zones that were missing and not marked, since the sweep was held.
    held integer not null default 0,
    sweep text,
    code text,
    error text,
    started_at timestamptz not null default now(),
    touched_at timestamptz not null default now(),
    ended_at timestamptz,
    constraint status_known check (status in ('running', 'succeeded', 'partial', 'held', 'failed')),
    constraint sweep_known check (
        sweep in ('nothing', 'swept', 'held_empty', 'held_large', 'scope_changed', 'unproven')
    ),
    constraint ended_iff_terminal check ((ended_at is null) = (status = 'running')),
    constraint error_bounded check (length(error) <= 4000)
);

-- One walk at a time for each stream and company: one writer for each record.
create unique index run_under_way on sync.run (stream, company_id) where status = 'running';
create index run_by_company on sync.run (company_id, id);

-- The ids that a page of a running walk named. Deleted when the run ends: only a walk that is not
-- complete needs them.
create table sync.page (
    run_id bigint not null references sync.run (id) on delete cascade,
    number integer not null,
    generation smallint not null,
    keys text[] not null,
    primary key (run_id, number)
);

-- Records that could not be read, kept as they came until they can be or are gone.
create table sync.quarantine (
    id bigint generated always as identity primary key,
    stream text not null,
    company_id bigint not null references sync.company (id) on delete cascade,
    -- The remote id; the hash of the raw record when not even that could be read.
    key text not null,
    is_named boolean not null,
    field text not null,
    expected text not null,
    raw jsonb not null,
    times integer not null default 1,
    status text not null default 'open',
    run_id bigint not null,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    resolved_at timestamptz,
    constraint status_known check (status in ('open', 'resolved')),
    constraint resolved_iff_ended check ((resolved_at is null) = (status = 'open'))
);

create unique index quarantine_open on sync.quarantine (stream, company_id, key) where status = 'open';
create index quarantine_by_company on sync.quarantine (company_id, id);

-- What a job that syncs all companies has set going, written in one transaction with its children.
create table sync.fan_out (
    job_id uuid primary key,
    companies integer not null,
    skipped integer not null,
    -- Jobs of others that stand for a child of ours, each with its company: [[company_id, job_id], …].
    twins jsonb not null,
    -- How many of the twins are known to have ended.
    twins_ended integer not null default 0,
    created_at timestamptz not null default now(),
    constraint twins_is_a_list check (jsonb_typeof(twins) = 'array')
);
