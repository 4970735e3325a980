select
    id, stream, company_id, connection, mode, since_at, job_id, status, generation, pages, fetched, created, updated,
    unchanged, stale, revived, adopted, duplicate, quarantined, ignored, gone, orphaned, held, sweep, code, error,
    started_at, touched_at, ended_at
from sync.run
where ($1::bigint is null or company_id = $1) and ($2::text is null or connection = $2)
    and ($3::bigint is null or id < $3) and ($4::text is null or stream = $4)
    and ($5::text is null or status = $5)
order by id desc
limit $6
