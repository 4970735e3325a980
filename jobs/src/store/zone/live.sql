select soundtrack_zone_id
from sync.zone
where company_id = $1 and soundtrack_zone_id is not null and orphaned_at is null and $2::text is null
order by id
