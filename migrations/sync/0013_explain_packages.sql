-- History and quarantine of packages. They are synced by jobs without a run, a profile at a time, so that both tables
-- name the job, and quarantine the profile. All of it is new columns and checks that read no row, but for the partition
-- of quarantine, which is generated anew: 50 ms for 10,000 bad records, and reads wait too.

alter table sync.history
    -- The job that did it, where that has no run.
    add column job_id uuid,
    drop constraint event_known,
    -- missing: a complete answer did not name it, and it is not yet gone. Rows from before satisfy it by the narrower one.
    add constraint event_known check (event in ('created', 'updated', 'revived', 'missing', 'gone')) not valid;

drop index sync.quarantine_live;

alter table sync.quarantine
    -- Whose package it is. It goes with the profile.
    add column profile_id uuid references sync.profile (id) on delete cascade,
    add column job_id uuid,
    alter column run_id drop not null,
    drop column partition,
    add column partition text not null generated always as (
        coalesce('company:' || company_id::text, 'profile:' || profile_id::text, connection)
    ) stored,
    add constraint run_or_job check ((run_id is null) <> (job_id is null));

create unique index quarantine_live on sync.quarantine (stream, partition, key) where status <> 'resolved';
-- For the profile's own end.
create index quarantine_by_profile on sync.quarantine (profile_id) where profile_id is not null;
