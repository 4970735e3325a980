select
    stream,
    direction,
    count(*) filter (where status = 'success') as succeeded,
    count(*) filter (where status in ('failed', 'unknown')) as failed,
    percentile_cont(0.5) within group (order by took_ms) as took_p50_ms,
    percentile_cont(0.95) within group (order by took_ms) as took_p95_ms
from sync.operation
where ($1::text is null or connection = $1) and at > now() - make_interval(hours => $2) and direction is not null
group by stream, direction
order by stream, direction
