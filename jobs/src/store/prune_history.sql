-- The oldest of each table, if they are old enough. A run stays while its partition was last proven by it, or a
-- person has still to decide on it.
with story as (
    delete from sync.history
    where id in (select id from sync.history order by id limit $2)
        and at < now() - make_interval(days => $1)
    returning 1
),
run as (
    delete from sync.run
    where id in (
        select r.id from sync.run r
        where r.ended_at < now() - make_interval(days => $1)
            and not exists (select from sync.stream s where s.run_id = r.id)
            and not exists (select from sync.held_sweep h where h.run_id = r.id and h.status = 'open')
        order by r.id
        limit $2
    )
    returning 1
),
sweep as (
    delete from sync.held_sweep
    where run_id in (
        select run_id from sync.held_sweep
        where decided_at < now() - make_interval(days => $1)
        order by run_id
        limit $2
    )
    returning 1
),
bad as (
    delete from sync.quarantine
    where id in (
        select id from sync.quarantine
        where resolved_at < now() - make_interval(days => $1)
        order by id
        limit $2
    )
    returning 1
),
operation as (
    delete from sync.operation
    where id in (select id from sync.operation order by id limit $2)
        and at < now() - make_interval(days => $1)
    returning 1
),
intent as (
    delete from sync.intent
    where op_id in (
        select op_id from sync.intent
        where ended_at < now() - make_interval(days => $1)
        order by op_id
        limit $2
    )
    returning 1
),
journal as (
    delete from sync.journal
    where id in (select id from sync.journal order by id limit $2)
        and at < now() - make_interval(days => $1)
    returning 1
),
conflict as (
    delete from sync.conflict
    where id in (
        select id from sync.conflict
        where status in ('applied', 'superseded') and updated_at < now() - make_interval(days => $1)
        order by id
        limit $2
    )
    returning 1
)
select
    (select count(*) from story) + (select count(*) from run) + (select count(*) from sweep)
    + (select count(*) from bad) + (select count(*) from operation) + (select count(*) from intent)
    + (select count(*) from journal) + (select count(*) from conflict)
