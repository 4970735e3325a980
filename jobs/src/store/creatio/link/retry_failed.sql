with failed as (
    update sync.link
    set status = 'pending', code = null, detail = null
    where status = 'failed' and ($1::text is null or connection = $1) and ($2::text is null or stream = $2)
    returning connection, stream, local_id, remote_id
),
marked as (
    insert into sync.dirty_mark (connection, stream, side, key, reason)
    select
        connection, stream, case when local_id is null then 'remote' else 'local' end,
        coalesce(local_id, remote_id), 'retry'
    from failed
)
select count(*) from failed
