-- A schedule that is new, comes back or has other times starts from now: it owes no ticks. One that
-- is as it was keeps its place, so that a restart catches up on what was missed.
insert into engine.schedule as s (
    name, cron, time_zone, kind, args, queue, catch_up, overlap, next_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (name) do update
set
    cron = excluded.cron,
    time_zone = excluded.time_zone,
    kind = excluded.kind,
    args = excluded.args,
    queue = excluded.queue,
    catch_up = excluded.catch_up,
    overlap = excluded.overlap,
    removed_at = null,
    changed_at = now(),
    decided_until = case
        when (s.cron, s.time_zone) = (excluded.cron, excluded.time_zone) and s.removed_at is null then s.decided_until
        else now()
    end,
    next_at = case
        when (s.cron, s.time_zone) = (excluded.cron, excluded.time_zone) and s.removed_at is null then s.next_at
        else excluded.next_at
    end
where
    s.removed_at is not null
    or (s.cron, s.time_zone, s.kind, s.args, s.queue, s.catch_up, s.overlap)
    is distinct from
    (excluded.cron, excluded.time_zone, excluded.kind, excluded.args, excluded.queue, excluded.catch_up, excluded.overlap)
