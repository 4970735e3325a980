-- The fresh row goes first: its id is unique and can be given only when nobody has it.
with pair as (
    select kept_id, fresh_id from unnest($1::bigint[], $2::bigint[]) as x (kept_id, fresh_id)
),
fresh as (
    delete from sync.zone z
    using pair
    where z.id = pair.fresh_id
    returning
        z.soundtrack_zone_id, z.name, z.status, z.device_name, z.raw, z.hash, z.last_seen_online, z.last_api_sync_at,
        pair.kept_id
)
update sync.zone z
set
    soundtrack_zone_id = fresh.soundtrack_zone_id,
    name = fresh.name,
    status = fresh.status,
    device_name = fresh.device_name,
    raw = fresh.raw,
    hash = fresh.hash,
    last_seen_online = coalesce(fresh.last_seen_online, z.last_seen_online),
    last_api_sync_at = fresh.last_api_sync_at,
    updated_at = now()
from fresh
where z.id = fresh.kept_id and z.soundtrack_zone_id is null
