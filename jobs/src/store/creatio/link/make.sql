insert into sync.link (connection, stream, local_id, remote_id)
select $1, $2, x.local_id, x.remote_id
from unnest($3::uuid[], $4::uuid[]) as x (local_id, remote_id)
on conflict do nothing
returning
    id, local_id, remote_id, state, base_local, base_remote, buried_local_at, buried_remote_at, is_separate, code, detail
