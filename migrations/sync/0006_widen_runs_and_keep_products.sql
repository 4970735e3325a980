-- Pulls of any connection, not of companies alone: runs, quarantine and what walks have proven get a partition. New
-- are the products of Zoho, the history of records, and sweeps that wait for a person.
--
-- All of it is one transaction, since workers of either version need all of it or nothing. What locks stands last,
-- the longest at the very end, so that no lock is held while something else is made: sync.stream (a row a company)
-- and sync.quarantine (a row a bad record), 50 ms for 10,000 rows, then sync.run, which its one statement writes
-- once: with its indexes 2 to 7 s for 200,000 runs, by how busy the machine is, and reads wait too. Writes to
-- sync.company wait from the first statement on, for held_sweep refers to it. Between this and the new workers,
-- older ones fail to open runs, and lose nothing by it.

create table sync.product (
    id bigint generated always as identity primary key,
    connection text not null,
    -- With the connection the identity. SKUs may be blank, and may be shared.
    zoho_item_id text not null,
    name text not null,
    sku text,
    description text,
    -- As they came, to the last digit.
    price numeric,
    stock_quantity numeric,
    is_active boolean not null,
    -- Since when complete listings have not had it.
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint item_id_bounded check (length(zoho_item_id) between 1 and 100),
    constraint name_bounded check (length(name) <= 1000),
    constraint sku_not_blank check (trim(sku) <> '')
);
create unique index product_by_item on sync.product (connection, zoho_item_id);
create index product_by_sku on sync.product (sku) where sku is not null;

-- What happened to each record, and only what did: a row that an answer left as it was leaves nothing here.
create table sync.history (
    id bigint generated always as identity primary key,
    stream text not null,
    partition text not null,
    key text not null,
    event text not null,
    -- {"price": ["6", "7"]}: from what to what. Long texts are cut.
    changes jsonb not null default '{}',
    -- The run that did it; a person's act has none.
    run_id bigint,
    actor text not null default 'sync',
    reason text,
    at timestamptz not null default now(),
    constraint event_known check (event in ('created', 'updated', 'revived', 'gone')),
    constraint changes_is_an_object check (jsonb_typeof(changes) = 'object'),
    constraint reason_bounded check (length(reason) <= 1000)
);
create index history_by_record on sync.history (stream, key, id);

-- Rows that a complete walk missed and did not mark, since they were too many. A person decides.
create table sync.held_sweep (
    run_id bigint primary key,
    stream text not null,
    company_id bigint references sync.company (id) on delete cascade,
    connection text,
    partition text not null
        generated always as (coalesce('company:' || company_id::text, connection)) stored,
    -- held_empty or held_large, as in sync.run.
    cause text not null,
    known bigint not null,
    -- What is still missing. Whatever a later answer names is taken out, so that a decision never marks it.
    candidates text[] not null,
    status text not null default 'open',
    held_at timestamptz not null default now(),
    decided_at timestamptz,
    decided_by text,
    reason text,
    -- Rows that an approval marked.
    marked integer not null default 0,
    constraint one_owner check ((company_id is null) <> (connection is null)),
    constraint cause_known check (cause in ('held_empty', 'held_large')),
    constraint status_known check (status in ('open', 'approved', 'rejected', 'superseded')),
    constraint decided_iff_not_open check ((decided_at is null) = (status = 'open')),
    constraint reason_bounded check (length(reason) <= 1000)
);
create unique index held_sweep_open on sync.held_sweep (stream, partition) where status = 'open';
create index held_sweep_by_time on sync.held_sweep (run_id desc);

alter table sync.stream
    drop constraint stream_pkey,
    alter column company_id drop not null,
    add column connection text,
    -- Whose listing it is: one company's, or that of a whole connection.
    add column partition text not null
        generated always as (coalesce('company:' || company_id::text, connection)) stored,
    -- The secrets that opened the last complete walk: under others, a row that is missing proves nothing.
    add column principal bigint not null default 0,
    -- By the remote's clock: every change before it has been read. Null until a walk of all has.
    add column watermark_at timestamptz,
    add constraint one_owner check ((company_id is null) <> (connection is null)),
    add primary key (name, partition);

alter table sync.quarantine
    drop constraint status_known,
    drop constraint resolved_iff_ended,
    alter column company_id drop not null,
    add column connection text,
    add column partition text not null
        generated always as (coalesce('company:' || company_id::text, connection)) stored,
    -- Who has said to ignore it, and why. Another answer for the same record opens it again.
    add column ignored_by text,
    add column ignored_because text,
    add constraint one_owner check ((company_id is null) <> (connection is null)),
    add constraint status_known check (status in ('open', 'ignored', 'resolved')),
    add constraint resolved_iff_ended check ((resolved_at is null) = (status <> 'resolved')),
    add constraint ignored_with_reason check (
        status <> 'ignored' or (ignored_by is not null and ignored_because is not null)
    ),
    add constraint reason_bounded check (length(ignored_because) <= 1000);
drop index sync.quarantine_open;
-- One row for each bad record, whether a person has looked at it or not.
create unique index quarantine_live on sync.quarantine (stream, partition, key) where status <> 'resolved';

alter table sync.run
    drop constraint sweep_known,
    alter column company_id drop not null,
    add column connection text,
    add column partition text not null
        generated always as (coalesce('company:' || company_id::text, connection)) stored,
    add column principal bigint not null default 0,
    -- all: the whole listing; changed: what was modified since since_at; chosen: records by their ids.
    add column mode text not null default 'all',
    add column since_at timestamptz,
    -- The remote's clock when the walk under way began.
    add column server_at timestamptz,
    -- Bad records that a person has said to ignore, and records that are gone when asked for by id.
    add column ignored integer not null default 0,
    add column gone integer not null default 0,
    add constraint one_owner check ((company_id is null) <> (connection is null)),
    add constraint mode_known check (mode in ('all', 'changed', 'chosen')),
    add constraint since_iff_changed check ((since_at is null) = (mode <> 'changed')),
    add constraint sweep_known check (
        sweep in ('nothing', 'swept', 'held_empty', 'held_large', 'scope_changed', 'unproven')
    );
drop index sync.run_under_way;
create unique index run_under_way on sync.run (stream, partition) where status = 'running';
create index run_by_connection on sync.run (connection, id) where connection is not null;
-- Lists of one stream, or of what went wrong, among many runs of others.
create index run_by_stream on sync.run (stream, id);
create index run_by_status on sync.run (status, id);
