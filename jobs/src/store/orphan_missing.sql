with named as materialized (
    select unnest(keys) as key from sync.page where run_id = $1
    union
    select unnest($2::text[])
)
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
from sync.run r
left join sync.stream s on s.name = r.stream and s.company_id = r.company_id
where r.id = $1
    and z.company_id = r.company_id
    and z.soundtrack_zone_id is not null
    and z.orphaned_at is null
    and z.updated_at < r.started_at
    and not exists (select from named where named.key = z.soundtrack_zone_id)
