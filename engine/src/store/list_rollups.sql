-- What ended from $3 to $4 in steps of $5 minutes, told apart by those of queue, kind, state and connection
-- that $6 says; 0 minutes is all in one. Rows of one step and key come together, one for each state and
-- class of durations.
select
    case when $5 = 0 then $3 else date_bin($5 * interval '1 minute', c.at, '2001-01-01T00:00:00Z') end as at,
    case when ($6::boolean[])[1] then c.queue end as queue,
    case when ($6::boolean[])[2] then c.kind end as kind,
    case when ($6::boolean[])[4] then c.connection end as connection,
    c.state,
    c.bucket,
    sum(c.ended)::bigint as ended,
    sum(c.sum_ms) as sum_ms,
    max(c.most_ms) as most_ms
from (
    select start_at as at, queue, kind, state, connection, bucket, ended, sum_ms, most_ms
    from engine.rollup
    where shard = $1 and step_minutes = $2 and start_at >= date_bin($2 * interval '1 minute', $3, 'epoch') and start_at < $4
    union all
    -- What is not folded yet: the last seconds.
    select minute_at, queue, kind, state, connection, bucket, ended, sum_ms, most_ms
    from engine.tally
    where shard = $1 and ended > 0 and minute_at >= date_bin($2 * interval '1 minute', $3, 'epoch') and minute_at < $4
) c
where
    ($7::text is null or c.queue = $7)
    and ($8::text is null or c.kind = $8)
    and ($9::text is null or c.state = $9)
    and ($10::text is null or c.connection = $10)
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6
limit $11
