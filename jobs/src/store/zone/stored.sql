select
    z.soundtrack_zone_id as key,
    z.company_id = $1 as is_ours,
    z.hash,
    z.orphaned_at is not null as is_gone,
    -- Soundtrack does not tell.
    null::timestamptz as modified_at,
    jsonb_build_object('name', z.name, 'status', z.status, 'device_name', z.device_name) as fields
from unnest($3::text[]) as x (key)
join sync.zone z on z.soundtrack_zone_id = x.key
where $2::text is null
