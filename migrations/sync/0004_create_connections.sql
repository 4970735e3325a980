-- Connections: one row for each remote account that a credential opens. They are declared in workers.toml; what
-- is kept here is what all processes must agree on. New table: no locks.

create table sync.connection (
    -- `<service>/<account>`: the rate key of its jobs, by which budgets, breakers and pauses know it.
    name text primary key,
    service text not null,
    -- As the process said that last declared it. For people; clients are built from the settings.
    region text,
    base_url text not null,
    -- That a person has paused it stands in engine.pause, as every pause.
    state text not null default 'active',
    state_reason text,
    state_at timestamptz not null default now(),
    -- To the minute: calls are counted elsewhere.
    used_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint name_bounded check (length(name) between 3 and 100),
    constraint service_known check (service in ('soundtrack', 'supabase', 'zoho')),
    constraint name_says_its_service check (starts_with(name, service || '/')),
    constraint base_url_bounded check (length(base_url) between 1 and 500),
    constraint state_known check (state in ('active', 'needs_reauthorisation')),
    constraint reason_bounded check (length(state_reason) <= 1000),
    constraint reason_iff_stopped check ((state_reason is null) = (state = 'active'))
);
