-- Goes on after `with this (stream) as …,`.
gone as (
    update sync.observed o
    set gone_at = now(), updated_at = now()
    from this
    where o.connection = $2
        and o.stream = this.stream
        and o.remote_id = any($3::uuid[])
        and o.gone_at is null
        and $1::bigint is null
        and ($4::bigint is null or o.updated_at < (select started_at from sync.run where id = $4))
    returning o.connection, o.stream, o.remote_id
),
marked as (
    insert into sync.dirty_mark (connection, stream, side, key, reason)
    select connection, stream, 'remote', remote_id, 'gone' from gone
)
select remote_id::text from gone
