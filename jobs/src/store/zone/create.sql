insert into sync.zone (
    company_id, soundtrack_zone_id, name, status, device_name, raw, hash, last_seen_online, last_api_sync_at
)
select
    $1, x.key, x.name, x.status, x.device_name, x.raw, decode(x.hash, 'hex'),
    case when x.status = 'online' then now() end,
    now()
from jsonb_to_recordset($3::jsonb)
    as x (key text, name text, status text, device_name text, raw jsonb, hash text)
where $2::text is null
