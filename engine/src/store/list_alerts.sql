-- What a person should look at now. Which jobs wait is given as it was counted last: kinds ($1), how many of
-- each are due ($2), and since when ($3).
with known as materialized (
    select array_agg(distinct kind) as kinds
    from engine.worker w, unnest(w.kinds) kind
    where w.stopped_at is null and w.seen_at > now() - interval '1 minute'
)
select
    'unknown_kind' as alert, kind as subject, min(since) as since,
    format('%s jobs of kind %s wait and no live worker knows it', sum(jobs), kind) as message
from unnest($1::text[], $2::bigint[], $3::timestamptz[]) d (kind, jobs, since), known
where since < now() - interval '5 minutes' and kind <> all(coalesce(known.kinds, '{}'))
group by kind
union all
select 'schedule_overdue', s.name, s.next_at, format('schedule %s should have run at %s', s.name, s.next_at)
from engine.schedule s
where
    s.removed_at is null and s.next_at < now() - interval '2 minutes'
    and not exists (select from engine.pause p where p.scope = 'schedule' and p.name = s.name)
union all
select 'no_worker', 'fleet', max(w.seen_at), 'no worker has been seen for five minutes and jobs wait'
from engine.worker w
having max(w.seen_at) < now() - interval '5 minutes' and cardinality($1::text[]) > 0
union all
select
    'connection_failing', b.connection, b.failing_since,
    format('calls of %s have been failing since %s', b.connection, b.failing_since)
from engine.breaker b
where b.alarm = 'warned' and b.state <> 'closed'
union all
select 'connection_suspended', p.name, p.paused_at, format('%s is suspended until a person resumes it: %s', p.name, p.reason)
from engine.pause p
where p.scope = 'connection' and p.paused_by = 'lockstep'
order by since, subject
