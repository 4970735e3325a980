-- The last complete walk saw every zone that is neither orphaned nor in quarantine, without
-- writing those it found unchanged: their two times are the walk's.
select
    z.id, z.company_id, z.soundtrack_zone_id, z.name, z.status, z.device_name, z.raw, z.orphaned_at,
    z.created_at, z.updated_at,
    -- greatest() passes over nulls.
    greatest(z.last_api_sync_at, seen.at) as last_api_sync_at,
    case when z.status = 'online' then greatest(z.last_seen_online, seen.at) else z.last_seen_online end
        as last_seen_online
from (
    select
        id, company_id, soundtrack_zone_id, name, status, device_name, raw, orphaned_at, created_at,
        updated_at, last_api_sync_at, last_seen_online
    from sync.zone
    where ($1::bigint is null or id = $1)
        and ($2::bigint is null or company_id = $2)
        and ($3::text is null or status = $3)
        and ($4::boolean is null or (orphaned_at is not null) = $4)
        and id > $5
    order by id
    limit $6
) z
left join lateral (
    select s.walked_at as at
    from sync.stream s
    where s.name = 'soundtrack.zones'
        and s.company_id = z.company_id
        and z.soundtrack_zone_id is not null
        and z.orphaned_at is null
        and not exists (
            select from sync.quarantine q
            where q.stream = s.name and q.company_id = s.company_id and q.key = z.soundtrack_zone_id
                and q.status = 'open'
        )
) seen on true
order by z.id
