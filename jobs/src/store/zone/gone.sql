update sync.zone z
set
    orphaned_at = now(),
    -- From here on the walks say nothing of this row, so what they said goes into it.
    last_seen_online = case
        when z.status = 'online' then greatest(z.last_seen_online, s.walked_at)
        else z.last_seen_online
    end,
    last_api_sync_at = greatest(z.last_api_sync_at, s.walked_at),
    updated_at = now()
from (select $1::bigint as company_id, $2::text as connection) p
left join sync.stream s on s.name = 'soundtrack.zones' and s.company_id = p.company_id
where z.company_id = p.company_id
    and z.soundtrack_zone_id = any($3)
    and z.orphaned_at is null
    and ($4::bigint is null or z.updated_at < (select started_at from sync.run where id = $4))
returning z.soundtrack_zone_id
