-- Quarantine of packages. They are synced by jobs without a run, a profile at a time, so that it names the job and the
-- profile. The partition is generated anew, which writes the table once (50 ms for 10,000 bad records), and reads wait
-- too; writes to sync.profile wait as long, for the key.

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
