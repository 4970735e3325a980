-- A row that was written since the run began is no candidate: another hand has it. Nor is one in quarantine:
-- that it cannot be read is known, and not that it is gone.
with named as materialized (
    select unnest(keys) as key from sync.page where run_id = $1
    union
    select unnest($2::text[])
)
select
    count(*) as known,
    coalesce(array_agg(p.zoho_item_id order by p.id) filter (
        where p.updated_at < r.started_at
            and p.zoho_item_id not in (select key from named)
            and not exists (
                select from sync.quarantine q
                where q.stream = r.stream and q.partition = r.partition
                    and q.key = p.zoho_item_id and q.status <> 'resolved'
            )
    ), '{}') as keys
from sync.run r
join sync.product p on p.connection = r.connection
where r.id = $1 and p.gone_at is null
