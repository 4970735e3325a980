select
    connection, stream, status, id, local_id, remote_id, state, base_local, base_remote,
    buried_local_at, buried_remote_at, is_separate, code, detail
from sync.link
where id = $1
for update
