-- Creatio both ways: leads, contacts, activities and their participants as the product has them, what Creatio was last
-- seen to have, what links the two, and all that was decided about it. New tables: no locks.

-- Raises what tells one version of a record from another. An update that changes nothing is none; what is generated is
-- not there yet in a trigger like this. What the sync itself
-- writes is no edit: `edited_at` is what "the newer edit" is decided by.
create function sync.touch_record() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if to_jsonb(new) - '{version,updated_at,edited_at,match_keys}'::text[] = to_jsonb(old) - '{version,updated_at,edited_at,match_keys}'::text[] then
            return old;
        end if;
        if (new.id, new.connection) is distinct from (old.id, old.connection) then
            raise exception 'a record keeps its id and its connection' using errcode = '23514', constraint = 'record_keeps_its_key';
        end if;
        new.version := old.version + 1;
    else
        new.version := 1;
    end if;
    new.updated_at := now();
    if coalesce(current_setting('sync.writer', true), '') <> 'sync' then
        new.edited_at := now();
    elsif tg_op = 'UPDATE' then
        new.edited_at := old.edited_at;
    end if;
    return new;
end $$;

-- Says that a record must be looked at, whoever changed it. Only inserts: whoever edits records never waits for a sync.
create function sync.mark_record() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.version = old.version then
        return null;
    end if;
    insert into sync.dirty_mark (connection, stream, side, key, reason)
    values (
        case when tg_op = 'DELETE' then old.connection else new.connection end,
        tg_argv[0],
        'local',
        case when tg_op = 'DELETE' then old.id else new.id end,
        lower(tg_op)
    );
    return null;
end $$;

-- What a person is found again by at first contact. As the mapping's codecs for addresses and numbers have them.
create function sync.match_keys(email text, phone text) returns text[] language sql immutable parallel safe as $$
    select array_remove(
        array[
            'email:' || nullif(lower(btrim(email)), ''),
            'phone:' || nullif(
                case when ltrim(phone) like '+%' then '+' else '' end || regexp_replace(phone, '[^0-9]', '', 'g'), ''
            )
        ],
        null
    )
$$;

create table sync.contact (
    id uuid primary key default gen_random_uuid(),
    -- The Creatio that it is synced with: `creatio/acme`.
    connection text not null,
    full_name text,
    first_name text,
    last_name text,
    email text,
    phone text,
    mobile_phone text,
    job_title text,
    -- The name of a record of Creatio's lookup, as everywhere below.
    contact_type text,
    address text,
    notes text,
    -- Fields that a mapping adds: {"zip": "10110"}.
    custom jsonb not null default '{}',
    match_keys text[] generated always as (sync.match_keys(email, mobile_phone)) stored,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    edited_at timestamptz not null default now(),
    -- Soft: what is deleted there is marked here, and the other way round.
    deleted_at timestamptz,
    constraint connection_not_blank check (connection <> ''),
    constraint custom_is_an_object check (jsonb_typeof(custom) = 'object')
);

create table sync.lead (
    id uuid primary key default gen_random_uuid(),
    connection text not null,
    -- Creatio makes it up out of the two names.
    lead_name text,
    contact_name text,
    company text,
    job_title text,
    email text,
    mobile_phone text,
    business_phone text,
    website text,
    status text,
    source text,
    budget numeric,
    predictive_score bigint,
    decision_role text,
    decision_at timestamptz,
    meeting_at timestamptz,
    commentary text,
    notes text,
    -- Of sync.contact. No foreign key: a parent may be synced later than its child.
    contact_id uuid,
    custom jsonb not null default '{}',
    match_keys text[] generated always as (sync.match_keys(email, mobile_phone)) stored,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    edited_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint connection_not_blank check (connection <> ''),
    constraint custom_is_an_object check (jsonb_typeof(custom) = 'object')
);

create table sync.activity (
    id uuid primary key default gen_random_uuid(),
    connection text not null,
    title text,
    starts_at timestamptz,
    due_at timestamptz,
    activity_type text,
    category text,
    status text,
    priority text,
    detailed_result text,
    notes text,
    location text,
    lead_id uuid,
    contact_id uuid,
    custom jsonb not null default '{}',
    match_keys text[] generated always as ('{}'::text[]) stored,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    edited_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint connection_not_blank check (connection <> ''),
    constraint custom_is_an_object check (jsonb_typeof(custom) = 'object')
);

create table sync.participant (
    id uuid primary key default gen_random_uuid(),
    connection text not null,
    activity_id uuid,
    contact_id uuid,
    role text,
    description text,
    custom jsonb not null default '{}',
    match_keys text[] generated always as ('{}'::text[]) stored,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    edited_at timestamptz not null default now(),
    deleted_at timestamptz,
    constraint connection_not_blank check (connection <> ''),
    constraint custom_is_an_object check (jsonb_typeof(custom) = 'object')
);

create index contact_by_connection on sync.contact (connection, id);
create index lead_by_connection on sync.lead (connection, id);
create index activity_by_connection on sync.activity (connection, id);
create index participant_by_connection on sync.participant (connection, id);
create index contact_by_match on sync.contact using gin (match_keys);
create index lead_by_match on sync.lead using gin (match_keys);
create index activity_by_lead on sync.activity (lead_id) where lead_id is not null;
create index participant_by_activity on sync.participant (activity_id);

-- Marks that nobody has looked at: append only.
create table sync.dirty_mark (
    id bigint generated always as identity primary key,
    connection text not null,
    stream text not null,
    side text not null,
    key uuid not null,
    reason text not null,
    at timestamptz not null default now(),
    constraint side_known check (side in ('local', 'remote'))
);
create index dirty_mark_by_connection on sync.dirty_mark (connection, id);

-- Records that must be looked at, each once. Who looks holds the row under a lease: one writer for each record.
create table sync.dirty (
    connection text not null,
    stream text not null,
    -- The local id, or Creatio's where there is no local record yet.
    side text not null,
    key uuid not null,
    -- Parents first.
    rank smallint not null,
    reason text not null,
    -- Raised by each mark: who is done with an older one is not done.
    marked bigint not null default 1,
    marked_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    tries integer not null default 0,
    -- The job that looks. Its next attempt goes on with its rows, since the fence has ended the one before.
    holder uuid,
    lease_until timestamptz,
    -- The parent that it waits for.
    waits_stream text,
    waits_key uuid,
    primary key (connection, stream, side, key),
    constraint side_known check (side in ('local', 'remote')),
    constraint held_iff_leased check ((holder is null) = (lease_until is null)),
    constraint waits_for_one check ((waits_stream is null) = (waits_key is null))
);
create index dirty_by_due on sync.dirty (connection, rank, due_at, key);
create index dirty_by_parent on sync.dirty (waits_key) where waits_key is not null;

create trigger touch before insert or update on sync.contact for each row execute function sync.touch_record();
create trigger touch before insert or update on sync.lead for each row execute function sync.touch_record();
create trigger touch before insert or update on sync.activity for each row execute function sync.touch_record();
create trigger touch before insert or update on sync.participant for each row execute function sync.touch_record();
create trigger mark after insert or update or delete on sync.contact
    for each row execute function sync.mark_record('creatio.contacts');
create trigger mark after insert or update or delete on sync.lead
    for each row execute function sync.mark_record('creatio.leads');
create trigger mark after insert or update or delete on sync.activity
    for each row execute function sync.mark_record('creatio.activities');
create trigger mark after insert or update or delete on sync.participant
    for each row execute function sync.mark_record('creatio.participants');

-- Creatio's records as they were last seen, in Creatio's own words.
create table sync.observed (
    connection text not null,
    stream text not null,
    remote_id uuid not null,
    -- {"Email": "ann@inn.example"}: the columns that the mapping names.
    fields jsonb not null,
    -- As sync.match_keys.
    keys text[] not null,
    modified_at timestamptz,
    modified_by uuid,
    -- Since when complete listings have not had it.
    gone_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (connection, stream, remote_id),
    constraint fields_is_an_object check (jsonb_typeof(fields) = 'object')
);
create index observed_by_match on sync.observed using gin (keys);

-- How a record stands: its two ids, the two bases, and what became of it last.
create table sync.link (
    id bigint generated always as identity primary key,
    connection text not null,
    stream text not null,
    local_id uuid,
    -- For a record that is to be made there, the id that we have chosen for it.
    remote_id uuid,
    -- new: the two sides were never at one.
    state text not null default 'new',
    -- What each side was when both were last at one, by the mapping's names.
    base_local jsonb not null default '{}',
    base_remote jsonb not null default '{}',
    buried_local_at timestamptz,
    buried_remote_at timestamptz,
    -- A person has said that it has no counterpart yet: no match is looked for.
    is_separate boolean not null default false,
    status text not null default 'pending',
    -- What the last write went through: to_creatio, from_creatio or both.
    direction text,
    tries integer not null default 0,
    code text,
    -- More of it for people: names of fields, ids of candidates. No value of a record.
    detail jsonb,
    created_at timestamptz not null default now(),
    -- When it was last looked at, and when the two sides were last at one.
    decided_at timestamptz,
    synced_at timestamptz,
    constraint one_side_at_least check (local_id is not null or remote_id is not null),
    constraint state_known check (state in ('new', 'active', 'tombstone', 'unlinked')),
    constraint status_known check (
        status in ('pending', 'in_progress', 'success', 'failed', 'conflict', 'manual_review')
    ),
    constraint direction_known check (direction in ('to_creatio', 'from_creatio', 'both')),
    constraint code_if_wrong check (code is not null or status not in ('failed', 'manual_review'))
);
create unique index link_by_local on sync.link (connection, stream, local_id);
create unique index link_by_remote on sync.link (connection, stream, remote_id);
create index link_by_status on sync.link (connection, status, id);

-- What is to be written to Creatio, noted before it is sent. While one is sent or unknown, nothing else is sent for its
-- record: whoever goes on looks first.
create table sync.intent (
    op_id uuid primary key,
    link_id bigint not null references sync.link (id) on delete cascade,
    remote_id uuid not null,
    verb text not null,
    -- {column: value}, as it is sent.
    payload jsonb not null,
    -- {name: {local, sent, before, is_merged}}: the local value that it was planned from, and what Creatio had before.
    fields jsonb not null,
    -- What it writes over, as entries of the journal: they are written there once it is acked.
    lost jsonb not null default '[]',
    hash bytea not null,
    -- Creatio's ModifiedOn when it was planned.
    expected_at timestamptz,
    state text not null default 'planned',
    code text,
    job_id uuid not null,
    planned_at timestamptz not null default now(),
    sent_at timestamptz,
    ended_at timestamptz,
    constraint verb_known check (verb in ('create', 'update', 'delete')),
    constraint state_known check (state in ('planned', 'sent', 'unknown', 'acked', 'rejected')),
    constraint ended_iff_over check ((ended_at is null) = (state in ('planned', 'sent', 'unknown'))),
    constraint sent_before_answered check (sent_at is not null or state in ('planned', 'rejected'))
);
create unique index intent_open on sync.intent (link_id) where state in ('planned', 'sent', 'unknown');
create index intent_by_link on sync.intent (link_id, planned_at);

-- Fields that a person must settle, or records of which one side was edited and the other deleted.
create table sync.conflict (
    id bigint generated always as identity primary key,
    link_id bigint not null references sync.link (id) on delete cascade,
    connection text not null,
    stream text not null,
    local_id uuid,
    remote_id uuid,
    -- By the mapping's name; `*` is the record itself.
    field text not null,
    base_local jsonb,
    base_remote jsonb,
    ours jsonb,
    theirs jsonb,
    -- Of `*`: the side that the record is gone from.
    gone text,
    local_version bigint,
    local_at timestamptz,
    remote_at timestamptz,
    policy text not null,
    status text not null default 'open',
    -- {"take": "local"}, {"take": "remote"} or {"value": …}, in local form.
    decision jsonb,
    proposed_by text,
    proposed_at timestamptz,
    decided_by text,
    decided_at timestamptz,
    note text,
    applied_at timestamptz,
    -- What the decision led to, or why it could not be carried out.
    outcome text,
    detected_by uuid,
    detected_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint status_known check (status in ('open', 'proposed', 'resolved', 'applied', 'superseded')),
    constraint gone_known check (gone in ('local', 'remote')),
    constraint gone_iff_record check ((gone is null) = (field <> '*')),
    constraint decided_iff_resolved check (
        status in ('superseded') or (decision is null) = (status = 'open')
    ),
    constraint note_bounded check (length(note) <= 1000)
);
create unique index conflict_live on sync.conflict (link_id, field) where status in ('open', 'proposed', 'resolved');
create index conflict_by_status on sync.conflict (status, id);
create index conflict_by_field on sync.conflict (stream, field, id) where status in ('open', 'proposed');

-- Values that a rule or a person wrote over: any of them can be found again, and put back.
create table sync.journal (
    id bigint generated always as identity primary key,
    link_id bigint not null references sync.link (id) on delete cascade,
    connection text not null,
    stream text not null,
    local_id uuid,
    remote_id uuid,
    -- `*`: the whole record, which was deleted.
    field text not null,
    event text not null,
    -- What is no more, each in the form of its side.
    lost_local jsonb,
    lost_remote jsonb,
    -- What the local side has instead: an undo is refused once that has changed too.
    now_local jsonb,
    conflict_id bigint,
    actor text not null default 'sync',
    job_id uuid,
    at timestamptz not null default now(),
    undone_at timestamptz,
    undone_by text,
    constraint event_known check (
        event in ('overwrote_local', 'overwrote_remote', 'kept_local', 'kept_remote', 'merged', 'deleted_local', 'deleted_remote')
    ),
    constraint undone_by_one check ((undone_at is null) = (undone_by is null))
);
create index journal_by_link on sync.journal (link_id, id);

-- Everything that was done, or tried, for a record. What rests leaves nothing here.
create table sync.operation (
    id bigint generated always as identity primary key,
    link_id bigint not null references sync.link (id) on delete cascade,
    connection text not null,
    stream text not null,
    local_id uuid,
    remote_id uuid,
    verb text not null,
    direction text,
    status text not null,
    code text,
    -- {name: [from, to]}, in local form. Long texts are cut.
    changes jsonb not null default '{}',
    job_id uuid,
    began_at timestamptz not null,
    took_ms integer not null,
    at timestamptz not null default now(),
    constraint verb_known check (verb in ('create', 'update', 'delete', 'link', 'unlink', 'bury', 'conflict', 'review')),
    constraint direction_known check (direction in ('to_creatio', 'from_creatio', 'both')),
    constraint status_known check (status in ('success', 'failed', 'unknown', 'conflict', 'manual_review')),
    constraint changes_is_an_object check (jsonb_typeof(changes) = 'object')
);
create index operation_by_link on sync.operation (link_id, id);
create index operation_by_job on sync.operation (job_id);
create index operation_by_time on sync.operation (connection, at);

-- Which fields are synced, and by which rules: every version that was ever in force.
create table sync.mapping (
    id bigint generated always as identity primary key,
    connection text not null,
    hash text not null,
    text text not null,
    enabled_by text not null,
    enabled_at timestamptz not null default now(),
    is_current boolean not null default true
);
create unique index mapping_current on sync.mapping (connection) where is_current;

-- What was learnt of a Creatio by what it answered.
create table sync.site (
    connection text primary key,
    -- The user that the credential runs as: who CreatedById was of what we made.
    user_id uuid,
    -- Whether it keeps the ids that we choose. Null: nobody has seen yet.
    keeps_ids boolean,
    updated_at timestamptz not null default now()
);
