update sync.link l
set
    state = x.state,
    base_local = x.base_local,
    base_remote = x.base_remote,
    buried_local_at = x.buried_local_at,
    buried_remote_at = x.buried_remote_at,
    status = x.status,
    direction = coalesce(x.direction, l.direction),
    code = x.code,
    detail = x.detail,
    tries = case when x.status in ('failed', 'manual_review') then l.tries + 1 else 0 end,
    decided_at = now(),
    synced_at = case when x.is_synced then now() else l.synced_at end
from jsonb_to_recordset($1::jsonb) as x (
    id bigint, state text, base_local jsonb, base_remote jsonb, buried_local_at timestamptz,
    buried_remote_at timestamptz, status text, direction text, code text, detail jsonb, is_synced boolean
)
where l.id = x.id
