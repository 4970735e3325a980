-- Marks of connection $1, oldest first, become rows; in the order of keys, so that two who do this never lock crosswise.
-- A record of Creatio's that has one here is known by that.
with taken as (
    delete from sync.dirty_mark
    where id = any(array(
        select id from sync.dirty_mark where connection = $1 order by id limit 2000 for update skip locked
    ))
    returning id, connection, stream, side, key, reason, at
),
keyed as (
    select distinct on (stream, side, key) *
    from (
        select
            t.id, t.connection, t.stream, t.reason, t.at,
            case when l.local_id is null then t.side else 'local' end as side,
            coalesce(l.local_id, t.key) as key
        from taken t
        left join sync.link l
            on t.side = 'remote' and l.connection = t.connection and l.stream = t.stream and l.remote_id = t.key
    ) as of_either
    order by stream, side, key, id
),
folded as (
    insert into sync.dirty as d (connection, stream, side, key, rank, reason, marked_at)
    select
        connection, stream, side, key,
        array_position(
            array['creatio.contacts', 'creatio.leads', 'creatio.activities', 'creatio.participants'], stream
        ) - 1,
        reason, at
    from keyed
    order by stream, side, key
    on conflict (connection, stream, side, key) do update
    set
        marked = d.marked + 1,
        marked_at = excluded.marked_at,
        reason = excluded.reason,
        due_at = least(d.due_at, now()),
        tries = 0,
        waits_stream = null,
        waits_key = null
)
select count(*) as taken from taken
