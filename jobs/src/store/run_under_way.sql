select
    r.id, r.company_id, r.connection, r.job_id, r.mode, r.since_at, r.scope, r.principal, r.generation, r.cursor,
    r.pages, r.walk_pages, r.walk_total, r.walk_is_clean, r.walk_has_drifted, r.server_at, r.clean_walks, r.fetched,
    r.created, r.updated, r.unchanged, r.stale, r.revived, r.adopted, r.duplicate, r.quarantined, r.ignored, r.gone,
    r.touched_at < now() - interval '15 minutes' as is_stale,
    s.scope as known_scope, s.principal as known_principal
from sync.run r
left join sync.stream s on s.name = r.stream and s.partition = r.partition
where r.stream = $1 and r.partition = $2 and r.status = 'running'
