-- Everything that is shut: mostly nothing. For how long surely none passes ($2 where nobody knows), and for
-- how long it has been like that.
select
    key, 'budget' as by,
    ceil(extract(epoch from blocked_until - now()) * 1000)::bigint as wait_ms,
    0::bigint as since_ms,
    false as is_probed
from engine.budget
where shard = $1 and blocked_until > now()
union all
select
    connection,
    case when state = 'closed' then 'ramp' else state end,
    case
        when state <> 'open' then 0
        when open_until is null then $2
        else greatest(0, ceil(extract(epoch from open_until - now()) * 1000))
    end::bigint,
    (extract(epoch from now() - coalesce(ramp_since, opened_at, changed_at)) * 1000)::bigint,
    coalesce(probe_until > now(), false)
from engine.breaker
where
    shard = $1
    -- A ramp ends with the first who asks after it, and is over for those who wait.
    and (state <> 'closed' or ramp_since > now() - interval '6 seconds')
union all
select name, 'paused', $2, (extract(epoch from now() - paused_at) * 1000)::bigint, false
from engine.pause
where scope = 'connection'
