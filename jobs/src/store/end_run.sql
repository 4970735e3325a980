-- The end of a run and all that follows from it, in one statement.
with ended as (
    update sync.run
    set
        status = $5,
        sweep = $7,
        orphaned = $8,
        held = $9,
        code = $10,
        error = left($11, 4000),
        pages = $12,
        created = $13,
        updated = $14,
        unchanged = $15,
        revived = $16,
        adopted = $17,
        duplicate = $18,
        quarantined = $19,
        ignored = $20,
        gone = $21,
        server_at = $22,
        fetched = $23,
        stale = $24,
        cursor = null,
        touched_at = now(),
        ended_at = now()
    where id = $1 and job_id = $2 and status = 'running' and pages = $3 and generation = $4
    returning
        id, stream, company_id, connection, mode, since_at, job_id, status, generation, pages, fetched, created, updated,
        unchanged, stale, revived, adopted, duplicate, quarantined, ignored, gone, orphaned, held, sweep, code, error,
        started_at, touched_at, ended_at,
        partition, scope, principal, walk_started_at, server_at
),
-- What the next walk is compared with, and until when every row that is not marked was seen.
walked as (
    insert into sync.stream (name, company_id, connection, scope, principal, walked_at, watermark_at, run_id)
    select stream, company_id, connection, scope, principal, walk_started_at, server_at, id
    from ended where $6 and mode = 'all'
    on conflict (name, partition) do update
    set
        scope = excluded.scope,
        principal = excluded.principal,
        walked_at = excluded.walked_at,
        watermark_at = excluded.watermark_at,
        run_id = excluded.run_id
),
-- A walk over what was modified moves the watermark alone, and never back.
marked as (
    update sync.stream s
    set watermark_at = greatest(s.watermark_at, e.server_at)
    from ended e
    where $6 and e.mode = 'changed' and s.name = e.stream and s.partition = e.partition and s.scope = e.scope
),
-- After a complete walk, a record that this run did not find bad is good again, or gone.
resolved as (
    update sync.quarantine q
    set status = 'resolved', resolved_at = now()
    from ended e
    where $6 and e.mode = 'all' and q.stream = e.stream and q.partition = e.partition
        and q.status <> 'resolved' and q.run_id <> e.id
),
forgotten as (
    delete from sync.page p using ended e where p.run_id = e.id
)
select
    id, stream, company_id, connection, mode, since_at, job_id, status, generation, pages, fetched, created, updated,
    unchanged, stale, revived, adopted, duplicate, quarantined, ignored, gone, orphaned, held, sweep, code, error,
    started_at, touched_at, ended_at
from ended
