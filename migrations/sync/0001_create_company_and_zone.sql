-- Companies and their music zones: what people read, and what a sync keeps true. New tables: no
-- locks.

create table sync.company (
    id bigint generated always as identity primary key,
    name text not null,
    country text not null default '',
    parent_id bigint references sync.company (id) on delete set null,
    soundtrack_account_id text,
    alerts boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint name_bounded check (length(name) between 1 and 200),
    constraint country_bounded check (length(country) <= 100),
    constraint account_bounded check (length(soundtrack_account_id) between 1 and 500),
    constraint parent_is_another check (parent_id <> id)
);

-- An account has one company. Two that shared one would take each zone from the other, run by run.
create unique index company_by_account on sync.company (soundtrack_account_id);
create index company_by_parent on sync.company (parent_id, id) where parent_id is not null;

create table sync.zone (
    id bigint generated always as identity primary key,
    company_id bigint not null references sync.company (id) on delete cascade,
    -- The identity. Null only for a row that a person made and no listing has named yet.
    soundtrack_zone_id text,
    name text not null,
    status text not null default 'pending',
    device_name text,
    -- Written when the zone stops being online. While it is, the last complete walk stands for it,
    -- or every walk would rewrite every row.
    last_seen_online timestamptz,
    raw jsonb,
    -- Of the raw answer and the version of our mapping: unchanged means that nothing is written.
    hash bytea,
    -- When this row was last written from an answer; the walks that found it unchanged are known
    -- to sync.stream.
    last_api_sync_at timestamptz,
    orphaned_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint status_known check (status in ('online', 'offline', 'no_device', 'pending', 'expired')),
    constraint name_bounded check (length(name) <= 1000),
    constraint zone_id_not_blank check (soundtrack_zone_id <> ''),
    constraint raw_and_hash_together check ((raw is null) = (hash is null)),
    constraint orphans_have_an_id check (orphaned_at is null or soundtrack_zone_id is not null)
);

create unique index zone_by_soundtrack_id on sync.zone (soundtrack_zone_id);
create index zone_by_company on sync.zone (company_id, id);
-- The rows that a name may adopt: few or none, looked for at the end of every walk.
create index zone_without_id on sync.zone (company_id, id) where soundtrack_zone_id is null;
