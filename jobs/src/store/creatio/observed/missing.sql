-- A row that was written since the run began is no candidate: another hand has it. Nor is one in quarantine, or one
-- whose create is in doubt: it may have come about behind the walk. An update or a delete brings no record about.
with named as materialized (
    select unnest(keys) as key from sync.page where run_id = $1
    union
    select unnest($2::text[])
)
select
    count(*) as known,
    coalesce(array_agg(o.remote_id::text order by o.remote_id) filter (
        where o.updated_at < r.started_at
            and o.remote_id::text not in (select key from named)
            and not exists (
                select from sync.quarantine q
                where q.stream = r.stream and q.partition = r.partition
                    and q.key = o.remote_id::text and q.status <> 'resolved'
            )
            and not exists (
                select from sync.link l
                join sync.intent i on i.link_id = l.id and i.verb = 'create'
                    and i.state in ('planned', 'sent', 'unknown')
                where l.connection = o.connection and l.stream = o.stream and l.remote_id = o.remote_id
            )
    ), '{}') as keys
from sync.run r
join sync.observed o on o.connection = r.connection and o.stream = r.stream
where r.id = $1 and o.gone_at is null
