insert into sync.operation (
    link_id, connection, stream, local_id, remote_id, verb, direction, status, code, changes, job_id, began_at, took_ms
)
select
    x.link_id, $1, $2, l.local_id, l.remote_id, x.verb, x.direction, x.status, x.code, x.changes, $3,
    now() - make_interval(secs => x.took_ms / 1000.0), least(x.took_ms, 2147483647)::integer
from jsonb_to_recordset($4::jsonb) as x (
    link_id bigint, verb text, direction text, status text, code text, changes jsonb, took_ms bigint
)
join sync.link l on l.id = x.link_id
