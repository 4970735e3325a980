-- Rollups: how many jobs ended, how and how fast, kept by whoever writes the end, so that no reader
-- ever counts jobs. The triggers wait for running writers of engine.ended and engine.attempt and hold
-- off new ones while what has ended is counted once and the last day is sorted into minutes:
-- 13 s with 5 million ended jobs, all of the last day, on a busy machine of two cores.

-- What each statement adds, appended and never updated, so that settlers do not wait for each other. The
-- rollup service folds it into the two tables below; readers add what is not folded yet.
create table engine.tally (
    shard smallint not null,
    minute_at timestamptz not null,
    queue text not null,
    kind text not null,
    -- How the job ended, or the outcome of an attempt that did not end it.
    state text not null,
    -- The first rate key of the jobs; empty for none.
    connection text not null default '',
    -- Of durations: below 1 ms is 0, below 2 ms is 1, and twice as long in each that follows. -1 when no
    -- attempt was made, as in the cancel of a queued job.
    bucket smallint not null,
    ended bigint not null,
    -- What it adds to the ended jobs there are: below nothing when they go.
    stock bigint not null,
    sum_ms double precision not null,
    most_ms double precision not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

-- Ends and failed attempts by the minute and by the hour: step_minutes is 1 or 60.
create table engine.rollup (
    shard smallint not null,
    step_minutes smallint not null,
    start_at timestamptz not null,
    queue text not null,
    kind text not null,
    state text not null,
    connection text not null,
    bucket smallint not null,
    ended bigint not null,
    sum_ms double precision not null,
    most_ms double precision not null,
    primary key (shard, step_minutes, start_at, queue, kind, state, connection, bucket),
    constraint step_is_minute_or_hour check (step_minutes in (1, 60))
) with (fillfactor = 80);

-- The ended jobs there are.
create table engine.total (
    shard smallint not null,
    queue text not null,
    kind text not null,
    state text not null,
    jobs bigint not null,
    primary key (shard, queue, kind, state)
) with (fillfactor = 50);

-- The jobs that have not ended, as they were counted last. Never written by those who move them: with
-- every job twice in the same few rows, settlers would queue up for them.
create table engine.depth (
    shard smallint not null,
    queue text not null,
    kind text not null,
    available bigint not null,
    scheduled bigint not null,
    retrying bigint not null,
    waiting bigint not null,
    running bigint not null,
    oldest_due_at timestamptz,
    primary key (shard, queue, kind)
);

-- When that was, and when it may be counted again. Whoever counts holds this row.
create table engine.depth_sample (
    shard smallint primary key,
    sampled_at timestamptz,
    took_ms double precision,
    next_at timestamptz not null default now()
);

insert into engine.depth_sample (shard) values (0);

-- Its jobs have rate keys: set by the worker that claims the first such, so that all other ends need not
-- look at engine.job.
alter table engine.kind add column connected boolean not null default false;
create index kind_connected on engine.kind (name) where connected;

-- A group that was without letters has got one again: what was mended came back.
alter table engine.dead_group add column regressed_at timestamptz;

create function engine.duration_bucket(ms double precision) returns smallint language sql immutable parallel safe as $$
    select coalesce(width_bucket(
        ms,
        '{1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864}'::double precision[]
    ), -1)::smallint
$$;

-- One row for all of a statement's jobs that are alike. Costs 0.9 µs of processor time a job in batches of a
-- thousand (9.4 -> 10.3 µs a settle; a drain is 39), a third of it for durations, and 50 to 90 µs for a
-- statement that ends a single job. `offset 0` keeps the duration from being
-- computed wherever it is used.
create function engine.tally_ends() returns trigger language plpgsql as $$
begin
    insert into engine.tally (shard, minute_at, queue, kind, state, connection, bucket, ended, stock, sum_ms, most_ms)
    select
        shard, minute_at, queue, kind, state::text, connection, bucket, count(*), count(*),
        coalesce(sum(ms), 0), coalesce(max(ms), 0)
    from (
        select
            shard, date_bin('1 minute', ended_at, 'epoch') as minute_at, queue, kind, state, connection,
            engine.duration_bucket(ms) as bucket, ms
        from (
            select
                shard, ended_at, queue, kind, state, '' as connection,
                date_part('epoch', ended_at - started_at) * 1000 as ms
            from fresh
            where kind <> all(array(select name from engine.kind where connected))
            union all
            select
                f.shard, f.ended_at, f.queue, f.kind, f.state, coalesce(j.connection, ''),
                date_part('epoch', f.ended_at - f.started_at) * 1000
            from fresh f
            cross join lateral (
                select rate_keys[1] as connection from engine.job where shard = f.shard and id = f.id offset 0
            ) j
            where f.kind = any(array(select name from engine.kind where connected))
            offset 0
        ) timed
    ) sorted
    group by shard, minute_at, queue, kind, state, connection, bucket;
    return null;
end $$;

-- The same of attempts that did not end their job. A retry by a person moves the record of the attempt
-- that had ended it here, with its own time: that one was counted then.
create function engine.tally_attempts() returns trigger language plpgsql as $$
begin
    insert into engine.tally (shard, minute_at, queue, kind, state, connection, bucket, ended, stock, sum_ms, most_ms)
    select
        shard, minute_at, queue, kind, outcome, connection, bucket, count(*), 0,
        coalesce(sum(ms), 0), coalesce(max(ms), 0)
    from (
        select
            shard, date_bin('1 minute', ended_at, 'epoch') as minute_at, queue, kind, outcome, connection,
            engine.duration_bucket(ms) as bucket, ms
        from (
            select
                f.shard, f.ended_at, j.queue, j.kind, f.outcome, coalesce(j.connection, '') as connection,
                date_part('epoch', f.ended_at - f.started_at) * 1000 as ms
            from fresh f
            cross join lateral (
                select queue, kind, rate_keys[1] as connection
                from engine.job
                where shard = f.shard and id = f.job_id
                offset 0
            ) j
            where f.ended_at >= now()
            offset 0
        ) timed
    ) sorted
    group by shard, minute_at, queue, kind, outcome, connection, bucket;
    return null;
end $$;

-- Ended jobs that go, whoever takes them: retry, delete, prune.
create function engine.tally_gone() returns trigger language plpgsql as $$
begin
    insert into engine.tally (shard, minute_at, queue, kind, state, bucket, ended, stock, sum_ms, most_ms)
    select shard, date_bin('1 minute', now(), 'epoch'), queue, kind, state::text, -1, 0, -count(*), 0, 0
    from gone
    group by shard, queue, kind, state;
    return null;
end $$;

-- Nothing is left to be counted.
create function engine.forget_totals() returns trigger language plpgsql as $$
begin
    update engine.tally set stock = 0 where stock <> 0;
    delete from engine.total;
    return null;
end $$;

create trigger ends_are_tallied after insert on engine.ended
    referencing new table as fresh
    for each statement execute function engine.tally_ends();
create trigger goings_are_tallied after delete on engine.ended
    referencing old table as gone
    for each statement execute function engine.tally_gone();
create trigger totals_are_forgotten after truncate on engine.ended
    for each statement execute function engine.forget_totals();
create trigger attempts_are_tallied after insert on engine.attempt
    referencing new table as fresh
    for each statement execute function engine.tally_attempts();

-- The triggers hold their locks until this has committed, so that none is missed and none counted twice.
insert into engine.total (shard, queue, kind, state, jobs)
select shard, queue, kind, state::text, count(*)
from engine.ended
group by shard, queue, kind, state;

insert into engine.tally (shard, minute_at, queue, kind, state, bucket, ended, stock, sum_ms, most_ms)
select
    shard, date_bin('1 minute', ended_at, 'epoch'), queue, kind, state::text,
    engine.duration_bucket(date_part('epoch', ended_at - started_at) * 1000), count(*), 0,
    coalesce(sum(date_part('epoch', ended_at - started_at) * 1000), 0),
    coalesce(max(date_part('epoch', ended_at - started_at) * 1000), 0)
from engine.ended
where ended_at > now() - interval '1 day'
group by 1, 2, 3, 4, 5, 6;
