-- Rows $4 of connection $1 and stream $2 that job $3 holds.
with rows as (
    select *
    from jsonb_to_recordset($4::jsonb) as x (
        side text, key uuid, marked bigint, again_s float8, waits_stream text, waits_key uuid, counts boolean
    )
),
done as (
    delete from sync.dirty d
    using rows r
    where d.connection = $1 and d.stream = $2 and d.side = r.side and d.key = r.key
        and d.holder = $3 and d.marked = r.marked and r.again_s is null
)
update sync.dirty d
set
    holder = null,
    lease_until = null,
    due_at = case
        when d.marked > r.marked then least(d.due_at, now())
        -- The parent may have come while the child was looked at.
        when r.waits_key is not null and exists (
            select from sync.link l
            where l.connection = $1 and l.stream = r.waits_stream and l.local_id is not null
                and l.remote_id is not null and l.state = 'active'
                and (l.local_id = r.waits_key or l.remote_id = r.waits_key)
        ) then now()
        else now() + make_interval(secs => r.again_s)
    end,
    tries = case when d.marked > r.marked then 0 when r.counts then d.tries + 1 else d.tries end,
    waits_stream = case when d.marked > r.marked then null else r.waits_stream end,
    waits_key = case when d.marked > r.marked then null else r.waits_key end
from rows r
where d.connection = $1 and d.stream = $2 and d.side = r.side and d.key = r.key
    and d.holder = $3 and (d.marked > r.marked or r.again_s is not null)
