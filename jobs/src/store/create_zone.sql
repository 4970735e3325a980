insert into sync.zone (
    company_id, soundtrack_zone_id, name, status, device_name, raw, hash, last_seen_online, last_api_sync_at
)
select
    $1, x.key, x.name, x.status, x.device_name, x.raw::jsonb, x.hash,
    case when x.status = 'online' then now() end,
    now()
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[])
    as x (key, name, status, device_name, raw, hash)
