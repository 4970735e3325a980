-- Credentials: what people gave us and what remotes gave for it, sealed. No column of these tables holds a
-- secret that could be read without a key that is not in the database. New tables: no locks.

-- The keys that were ever used here, each with something that only it opens: a key of the same name that is
-- another one is found out before it seals anything.
create table sync.sealing_key (
    id text primary key,
    proof bytea not null,
    first_used_at timestamptz not null default now(),
    constraint id_bounded check (length(id) between 1 and 32)
);

create table sync.secret (
    connection text not null references sync.connection (name) on delete cascade,
    field text not null,
    -- Bound into the sealed value, with connection and field; raised by every write of another value.
    version bigint not null,
    key_id text not null references sync.sealing_key (id),
    wrapped_key bytea not null,
    value bytea not null,
    set_by text not null,
    set_at timestamptz not null default now(),
    primary key (connection, field),
    constraint version_counts check (version > 0),
    constraint field_bounded check (length(field) between 1 and 40)
);

-- What a change of keys has still to do.
create index secret_by_key on sync.secret (key_id, connection, field);

-- The access token of a connection that is renewed: where its renewal stands. The token itself is the secret
-- `access_token`, whose version is the one here.
create table sync.credential (
    connection text primary key references sync.connection (name) on delete cascade,
    -- Counts renewals: who holds an older one has only to read the newer.
    version bigint not null default 0,
    -- When it runs out, and from when on it is renewed.
    expires_at timestamptz,
    renew_at timestamptz,
    refreshed_at timestamptz,
    -- Where the remote wants the token used.
    api_domain text,
    is_revoked boolean not null default false,
    -- planned: somebody holds the lease and has sent nothing; sent: it may have.
    intent text not null default 'idle',
    holder uuid,
    lease_until timestamptz,
    -- Calls of the last ten minutes, oldest first: the token endpoint allows ten.
    sent_at timestamptz[] not null default '{}',
    -- Calls in a row whose end nobody stored.
    lost smallint not null default 0,
    -- Calls in a row that failed, and when the next may be made.
    failures smallint not null default 0,
    retry_at timestamptz,
    -- The stable word of the last failure.
    code text,
    updated_at timestamptz not null default now(),
    constraint intent_known check (intent in ('idle', 'planned', 'sent')),
    constraint held_iff_intended check (
        (holder is null) = (intent = 'idle') and (lease_until is null) = (intent = 'idle')
    ),
    constraint dated_iff_renewed check (
        (expires_at is null) = (version = 0) and (renew_at is null) = (version = 0)
    )
);
