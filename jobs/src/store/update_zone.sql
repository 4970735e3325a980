update sync.zone z
set
    company_id = $1,
    name = x.name,
    status = x.status,
    device_name = x.device_name,
    raw = x.raw::jsonb,
    hash = x.hash,
    -- An online row is not rewritten while it stays so: until the last complete walk it was.
    last_seen_online = case
        when x.status = 'online' then now()
        when z.status = 'online' and z.orphaned_at is null then greatest(z.last_seen_online, s.walked_at)
        else z.last_seen_online
    end,
    last_api_sync_at = now(),
    orphaned_at = null,
    updated_at = now()
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
    as x (key, name, status, device_name, raw, hash)
left join sync.stream s on s.name = 'soundtrack.zones' and s.company_id = $1
where z.soundtrack_zone_id = x.key
