-- A row that was written since the run began is no candidate: another hand has it. Nor is one in quarantine:
-- that it cannot be read is known, and not that it is gone.
with named as materialized (
    select unnest(keys) as key from sync.page where run_id = $1
    union
    select unnest($2::text[])
)
select
    count(z.soundtrack_zone_id) as known,
    coalesce(array_agg(z.soundtrack_zone_id order by z.id) filter (
        where z.updated_at < r.started_at
            and z.soundtrack_zone_id not in (select key from named)
            and not exists (
                select from sync.quarantine q
                where q.stream = r.stream and q.partition = r.partition
                    and q.key = z.soundtrack_zone_id and q.status <> 'resolved'
            )
    ), '{}') as keys
from sync.run r
join sync.zone z on z.company_id = r.company_id
where r.id = $1 and z.orphaned_at is null
