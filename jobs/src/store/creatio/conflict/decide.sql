update sync.conflict
set
    status = $2,
    decision = $3::jsonb,
    proposed_by = case when $2 = 'proposed' then $4 when $2 = 'open' then null else proposed_by end,
    proposed_at = case when $2 = 'proposed' then now() when $2 = 'open' then null else proposed_at end,
    decided_by = case when $2 = 'resolved' then $4 else decided_by end,
    decided_at = case when $2 = 'resolved' then now() else decided_at end,
    -- Why it was proposed holds for whoever approves just that.
    note = case when $2 = 'resolved' and decision = $3::jsonb then coalesce($5, note) else $5 end,
    outcome = null,
    updated_at = now()
where id = $1 and status in ('open', 'proposed')
