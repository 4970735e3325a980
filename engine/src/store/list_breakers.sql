-- All breakers, or the one of connection $2, and connections that are suspended.
select
    coalesce(b.connection, p.name) as connection, coalesce(b.state, 'closed') as state,
    coalesce(b.good_now + b.good_before, 0) as good, coalesce(b.bad_now + b.bad_before, 0) as bad,
    coalesce(b.opens, 0) as opens, b.opened_at, b.open_until, b.probe_job, b.forced_by, b.forced_at, b.reason,
    case when b.state <> 'closed' then b.failing_since end as failing_since,
    coalesce(b.changed_at, p.paused_at) as changed_at,
    p.paused_at as suspended_at, p.paused_by as suspended_by, p.reason as suspended_for
from (select * from engine.breaker where shard = $1) b
full join (select * from engine.pause where scope = 'connection') p on p.name = b.connection
where $2::text is null or coalesce(b.connection, p.name) = $2
order by coalesce(b.connection, p.name)
