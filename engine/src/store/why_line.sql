-- What stands between a due job and a slot: pauses, and who could run it. One row a live worker of the
-- queue, or one row of nulls when there is none.
select
    w.id,
    w.label,
    $3 = any(w.kinds) as knows_kind,
    w.slots[array_position(w.queues, $2)] as slots,
    (select count(*) from engine.running r where r.shard = $1 and r.worker_id = w.id and r.queue = $2) as running
from engine.worker w
where w.stopped_at is null and w.seen_at > now() - interval '1 minute' and $2 = any(w.queues)
order by w.label, w.id
limit 100
