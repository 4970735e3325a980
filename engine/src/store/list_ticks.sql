-- A page of the ledger, by its primary key: the ticks of $1 behind ($2, $3), newest first.
select t.schedule, t.tick_at, t.manual, t.decision, t.job_id, s.state::text as state, s.started_at, s.ended_at, s.result, s.error
from (
    select *
    from engine.tick
    where schedule = $1 and ($2::timestamptz is null or (tick_at, manual) < ($2, $3))
    order by tick_at desc, manual desc
    limit $4
) t
left join lateral (
    select state, started_at, ended_at, result, error
    from engine.job_status
    where shard = t.shard and id = t.job_id
    offset 0
) s on true
order by t.tick_at desc, t.manual desc
