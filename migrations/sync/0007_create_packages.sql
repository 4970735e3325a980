-- Profiles of a booking site, which customer of the CRM each of them is, and their prepaid packages. New tables:
-- no locks.

create table sync.profile (
    -- The booking site's own id.
    id uuid primary key,
    -- The CRM that its customer is in: `supabase/shop`.
    connection text not null,
    name text,
    email text,
    phone text,
    -- When the CRM was last asked who it is, and nobody was found or a person must say.
    asked_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint connection_not_blank check (connection <> ''),
    constraint texts_bounded check (length(name) <= 300 and length(email) <= 300 and length(phone) <= 100)
);

-- The identity of a profile's customer is the CRM's id. The hash that packages are asked for by moves with name
-- and number, and is read anew at each sync.
create table sync.customer_link (
    profile_id uuid primary key references sync.profile (id) on delete cascade,
    customer_id text not null,
    stable_hash text,
    method text not null,
    -- How sure the match was, in percent.
    confidence smallint not null,
    linked_by text not null,
    linked_at timestamptz not null default now(),
    -- The remote's clock at the last answer that was applied: an older one changes nothing.
    answered_at timestamptz,
    synced_at timestamptz,
    constraint customer_not_blank check (customer_id <> ''),
    constraint method_known check (method in ('automatic', 'manual')),
    constraint confidence_is_percent check (confidence between 0 and 100)
);

create index customer_link_by_customer on sync.customer_link (customer_id);

-- Profiles whose customer a person must say.
create table sync.match_review (
    id bigint generated always as identity primary key,
    profile_id uuid not null references sync.profile (id) on delete cascade,
    status text not null default 'open',
    reason text not null,
    -- [{customer_id, name, phone, email, percent}], the likeliest first.
    candidates jsonb not null,
    customer_id text,
    decided_by text,
    decided_at timestamptz,
    -- Why, if a person said.
    note text,
    created_at timestamptz not null default now(),
    constraint status_known check (status in ('open', 'accepted', 'rejected', 'superseded')),
    constraint reason_known check (reason in ('several', 'weak', 'taken', 'moved', 'shared')),
    constraint candidates_is_a_list check (jsonb_typeof(candidates) = 'array'),
    constraint decided_iff_closed check ((decided_at is null) = (status = 'open')),
    constraint customer_iff_accepted check ((customer_id is null) = (status <> 'accepted'))
);

create unique index match_review_open on sync.match_review (profile_id) where status = 'open';

-- Customers that a person has said a profile is not.
create table sync.match_refusal (
    profile_id uuid not null references sync.profile (id) on delete cascade,
    customer_id text not null,
    refused_by text not null,
    refused_at timestamptz not null default now(),
    primary key (profile_id, customer_id)
);

create table sync.package (
    profile_id uuid not null references sync.profile (id) on delete cascade,
    -- The row's id in the CRM.
    crm_package_id text not null,
    -- The id that the booking site knows it by, if the CRM gives one.
    site_package_id text,
    name text,
    display_name text,
    category text,
    -- Hours are exact; null is unlimited or not told, and never zero.
    total_hours numeric,
    used_hours numeric,
    remaining_hours numeric,
    pax integer,
    validity text,
    first_used_on date,
    expires_on date,
    purchased_on date,
    -- Of all the above and the version of our mapping: unchanged means that nothing is written.
    hash bytea not null,
    -- Since when complete answers have not named it; ten minutes later it is gone.
    missing_since timestamptz,
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (profile_id, crm_package_id),
    constraint gone_was_missing check (gone_at is null or missing_since is not null)
);

-- What a bulk sync did with each profile. It is where a killed chunk's successor goes on.
create table sync.package_outcome (
    job_id uuid not null,
    profile_id uuid not null,
    is_good boolean not null,
    packages integer not null,
    code text,
    at timestamptz not null default now(),
    primary key (job_id, profile_id),
    constraint code_iff_failed check ((code is null) = is_good)
);

create index package_outcome_by_age on sync.package_outcome (at);
