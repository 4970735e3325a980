-- Meetings that the product told of, and the answers to requests that may be sent again. New tables: no locks.

-- Which activity a meeting is. Its row is what two tellings of one meeting wait for each other on.
create table sync.meeting (
    connection text not null,
    -- The product's own id of it.
    meeting_id uuid not null,
    activity_id uuid not null,
    told_by text not null,
    first_told_at timestamptz not null default now(),
    told_at timestamptz not null default now(),
    primary key (connection, meeting_id)
);

-- What a request with an Idempotency-Key was answered. Expired rows go with the next request.
create table sync.meeting_request (
    -- The token that it came with.
    asked_by text not null,
    key text not null,
    hash bytea not null,
    answer jsonb,
    asked_at timestamptz not null default now(),
    primary key (asked_by, key)
);
create index meeting_request_by_time on sync.meeting_request (asked_at);
