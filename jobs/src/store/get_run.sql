select
    id, stream, company_id, connection, mode, since_at, job_id, status, generation, pages, fetched, created, updated,
    unchanged, stale, revived, adopted, duplicate, quarantined, ignored, gone, orphaned, held, sweep, code, error,
    started_at, touched_at, ended_at
from sync.run
where id = $1
