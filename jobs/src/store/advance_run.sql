-- The run moves on from where this attempt read it, or not at all.
update sync.run
set
    pages = $5,
    generation = $6,
    cursor = $7,
    -- No page of the walk yet: it starts with this transaction.
    walk_started_at = case when $8 = 0 then now() else walk_started_at end,
    walk_pages = $8,
    walk_total = $9,
    walk_is_clean = $10,
    walk_has_drifted = $11,
    clean_walks = $12,
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
    touched_at = now()
where id = $1 and job_id = $2 and status = 'running' and pages = $3 and generation = $4
