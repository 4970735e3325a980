update sync.zone z
set
    company_id = $1,
    name = x.name,
    status = x.status,
    device_name = x.device_name,
    raw = x.raw,
    hash = decode(x.hash, 'hex'),
    -- An online row is not rewritten while it stays so: until the last complete walk it was.
    last_seen_online = case
        when x.status = 'online' then now()
        when z.status = 'online' and z.orphaned_at is null then greatest(z.last_seen_online, s.walked_at)
        else z.last_seen_online
    end,
    last_api_sync_at = now(),
    orphaned_at = null,
    updated_at = now()
from jsonb_to_recordset($3::jsonb)
    as x (key text, name text, status text, device_name text, raw jsonb, hash text)
left join sync.stream s on s.name = 'soundtrack.zones' and s.company_id = $1
where z.soundtrack_zone_id = x.key and $2::text is null
