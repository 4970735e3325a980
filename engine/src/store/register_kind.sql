-- Writes a kind's policy, unless it is so already. True when it has limits now, or had some, and they are
-- not what they were: its jobs in the queue then stand in the wrong place.
with before as (
    select limited, partition_order is not null as ordered, by_connection from engine.kind where name = $1
),
put as (
    insert into engine.kind as k (
        name, queue, priority, max_attempts, timeout_ms, backoff_base_ms, backoff_factor, backoff_max_ms,
        most_running, partition_running, partition_order, keep_completed_ms, keep_cancelled_ms, keep_dead_ms,
        by_connection, limits_changed_at
    )
    values (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
        case when coalesce($9, $10) is not null or $11 is not null then now() end
    )
    on conflict (name) do update
    set
        queue = excluded.queue,
        priority = excluded.priority,
        max_attempts = excluded.max_attempts,
        timeout_ms = excluded.timeout_ms,
        backoff_base_ms = excluded.backoff_base_ms,
        backoff_factor = excluded.backoff_factor,
        backoff_max_ms = excluded.backoff_max_ms,
        most_running = excluded.most_running,
        partition_running = excluded.partition_running,
        partition_order = excluded.partition_order,
        keep_completed_ms = excluded.keep_completed_ms,
        keep_cancelled_ms = excluded.keep_cancelled_ms,
        keep_dead_ms = excluded.keep_dead_ms,
        by_connection = excluded.by_connection,
        limits_changed_at = case
            when (k.most_running, k.partition_running, k.partition_order, k.by_connection)
                is distinct from
                (excluded.most_running, excluded.partition_running, excluded.partition_order, excluded.by_connection)
            then now()
            else k.limits_changed_at
        end,
        registered_at = now()
    where
        (k.queue, k.priority, k.max_attempts, k.timeout_ms, k.backoff_base_ms, k.backoff_factor, k.backoff_max_ms,
            k.most_running, k.partition_running, k.partition_order,
            k.keep_completed_ms, k.keep_cancelled_ms, k.keep_dead_ms, k.by_connection)
        is distinct from
        (excluded.queue, excluded.priority, excluded.max_attempts, excluded.timeout_ms, excluded.backoff_base_ms, excluded.backoff_factor, excluded.backoff_max_ms,
            excluded.most_running, excluded.partition_running, excluded.partition_order,
            excluded.keep_completed_ms, excluded.keep_cancelled_ms, excluded.keep_dead_ms, excluded.by_connection)
    returning k.limited, k.partition_order is not null as ordered, k.by_connection
)
select
    (put.limited or coalesce(b.limited, false))
    and (put.limited, put.ordered, put.by_connection) is distinct from (b.limited, b.ordered, b.by_connection)
from put
left join before b on true
