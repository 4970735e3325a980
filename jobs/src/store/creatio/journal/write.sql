insert into sync.journal (
    link_id, connection, stream, local_id, remote_id, field, event, lost_local, lost_remote, now_local, conflict_id,
    actor, job_id
)
select
    x.link_id, $1, $2, l.local_id, l.remote_id, x.field, x.event, x.lost_local, x.lost_remote, x.now_local,
    x.conflict_id, x.actor, $3
from jsonb_to_recordset($4::jsonb) as x (
    link_id bigint, field text, event text, lost_local jsonb, lost_remote jsonb, now_local jsonb, conflict_id bigint,
    actor text
)
join sync.link l on l.id = x.link_id
