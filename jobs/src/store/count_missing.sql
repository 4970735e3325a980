-- A row that was written since the run began is no candidate: another hand has it.
with named as materialized (
    select unnest(keys) as key from sync.page where run_id = $1
    union
    select unnest($2::text[])
)
select
    count(*) filter (where z.soundtrack_zone_id is not null) as known,
    count(*) filter (
        where z.soundtrack_zone_id is not null
            and z.updated_at < r.started_at
            and z.soundtrack_zone_id not in (select key from named)
    ) as candidates,
    count(*) filter (where z.soundtrack_zone_id is null) as without_id
from sync.run r
join sync.zone z on z.company_id = r.company_id
where r.id = $1 and z.orphaned_at is null
