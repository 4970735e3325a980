select
    l.id, l.connection, l.stream, l.local_id, l.remote_id, l.state, l.status, l.direction, l.tries, l.code, l.detail,
    l.created_at, l.decided_at, l.synced_at,
    md5(l.base_local::text) as hash_local,
    md5(l.base_remote::text) as hash_remote,
    exists (
        select from sync.dirty d
        where d.connection = l.connection and d.stream = l.stream
            and (d.side = 'local' and d.key = l.local_id or d.side = 'remote' and d.key = l.remote_id)
    ) as is_waiting
from sync.link l
where ($1::text is null or l.connection = $1)
    and ($2::text is null or l.stream = $2)
    and ($3::text is null or l.status = $3)
    and ($4::uuid is null or l.local_id = $4)
    and ($5::uuid is null or l.remote_id = $5)
    and l.id > $6
order by l.id
limit $7
