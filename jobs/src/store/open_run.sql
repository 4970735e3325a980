insert into sync.run (stream, company_id, connection, job_id, scope, principal, mode, since_at, fetched)
values ($1, $2, $3, $4, $5, $6, $7, $8, 0)
on conflict (stream, partition) where status = 'running' do nothing
returning
    id, company_id, connection, job_id, mode, since_at, scope, principal, generation, cursor, pages, walk_pages,
    walk_total, walk_is_clean, walk_has_drifted, server_at, clean_walks, fetched, created, updated, unchanged, stale,
    revived, adopted, duplicate, quarantined, ignored, gone,
    false as is_stale,
    (select s.scope from sync.stream s where s.name = $1 and s.partition = $9) as known_scope,
    (select s.principal from sync.stream s where s.name = $1 and s.partition = $9) as known_principal
