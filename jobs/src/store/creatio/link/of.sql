select
    id, local_id, remote_id, state, base_local, base_remote, buried_local_at, buried_remote_at, is_separate, code, detail
from sync.link
where connection = $1 and stream = $2 and local_id = any($3)
union
select
    id, local_id, remote_id, state, base_local, base_remote, buried_local_at, buried_remote_at, is_separate, code, detail
from sync.link
where connection = $1 and stream = $2 and remote_id = any($4)
