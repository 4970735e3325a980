-- Dead letters in groups of one cause. Why: 50,000 dead letters are three faults, and a person mends
-- faults. Locks: the new column is instant; the three indexes hold off writers of their table while
-- they are built (about a second a million rows); the trigger waits for running writers of engine.ended.

-- The group of a dead letter; null until the group service has looked at it, a few seconds later, and
-- for all that did not die. The one column that is written after the end: how a job ended never changes.
-- A hash of the rule's version, kind, code and masked message.
alter table engine.ended add column fingerprint text;

-- What the group service has still to look at: empty but for the last seconds.
create index ended_ungrouped on engine.ended (shard, ended_at, id) where state = 'dead' and fingerprint is null;
-- The letters of a group in the order in which they are listed.
create index ended_by_group on engine.ended (shard, fingerprint, ended_at, id) where state = 'dead' and fingerprint is not null;
-- Jobs that ever had a unique key, found by it. Costs jobs without one nothing.
create index job_by_unique_key on engine.job (shard, unique_key, id) where unique_key is not null;

create table engine.dead_group (
    shard smallint not null,
    fingerprint text not null,
    -- Of the rule that made the fingerprint.
    version smallint not null,
    kind text not null,
    code text,
    -- The error with its variable parts masked: what the letters have in common.
    message text not null,
    sample_job_id uuid not null,
    sample_error text not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    -- Deaths ever, and letters that are dead now.
    deaths bigint not null,
    dead bigint not null,
    primary key (shard, fingerprint),
    constraint dead_of_deaths check (dead between 0 and deaths)
) with (fillfactor = 50);

create index dead_group_by_time on engine.dead_group (shard, last_seen_at, fingerprint);

-- The trend: deaths an hour.
create table engine.dead_group_hour (
    shard smallint not null,
    fingerprint text not null,
    hour_at timestamptz not null,
    deaths bigint not null,
    primary key (shard, fingerprint, hour_at)
) with (fillfactor = 50);

-- Letters leave their group with their row, whoever takes it: retry, delete, prune. A settle only
-- inserts into engine.ended, and so never comes here.
create function engine.leave_group() returns trigger language plpgsql as $$
begin
    if not exists (select from gone where fingerprint is not null) then
        return null;
    end if;
    -- In one order by all who count, so that two of them cannot deadlock.
    perform from engine.dead_group g
    where (g.shard, g.fingerprint) in (select shard, fingerprint from gone where fingerprint is not null)
    order by g.shard, g.fingerprint
    for update;
    update engine.dead_group g
    set dead = greatest(g.dead - l.letters, 0)
    from (
        select shard, fingerprint, count(*) as letters
        from gone
        where fingerprint is not null
        group by shard, fingerprint
    ) l
    where g.shard = l.shard and g.fingerprint = l.fingerprint;
    return null;
end $$;

create trigger letters_leave_their_group after delete on engine.ended
    referencing old table as gone
    for each statement execute function engine.leave_group();

-- How many jobs of each of its queues a worker runs at a time, in the order of `queues`: what tells a
-- queue that is busy from one that nobody serves.
alter table engine.worker add column slots integer[];

-- Who cancelled this job, and what else was done to it.
create index audit_by_target on engine.audit (target, id);
