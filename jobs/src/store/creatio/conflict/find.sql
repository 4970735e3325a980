-- What was decided on other values than these is open again (law L11).
insert into sync.conflict as c (
    link_id, connection, stream, local_id, remote_id, field, base_local, base_remote, ours, theirs, theirs_local, gone,
    local_version, local_at, remote_at, policy, detected_by
)
select
    x.link_id, $1, $2, l.local_id, l.remote_id, x.field, x.base_local, x.base_remote, x.ours, x.theirs, x.theirs_local,
    x.gone, x.local_version, x.local_at, x.remote_at, x.policy, $3
from jsonb_to_recordset($4::jsonb) as x (
    link_id bigint, field text, base_local jsonb, base_remote jsonb, ours jsonb, theirs jsonb,
    theirs_local jsonb, gone text, local_version bigint, local_at timestamptz, remote_at timestamptz, policy text
)
join sync.link l on l.id = x.link_id
order by x.link_id, x.field
on conflict (link_id, field) where status in ('open', 'proposed', 'resolved') do update
set
    ours = excluded.ours,
    theirs = excluded.theirs,
    theirs_local = excluded.theirs_local,
    gone = excluded.gone,
    local_version = excluded.local_version,
    local_at = excluded.local_at,
    remote_at = excluded.remote_at,
    policy = excluded.policy,
    status = 'open',
    decision = null,
    outcome = case when c.status = 'open' then c.outcome else 'stale' end,
    updated_at = now()
where (c.ours, c.theirs, c.gone) is distinct from (excluded.ours, excluded.theirs, excluded.gone)
