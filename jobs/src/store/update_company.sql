-- What was not said stays. The two nullable columns have a flag each, since null is a value there.
update sync.company
set
    name = coalesce($2, name),
    country = coalesce($3, country),
    parent_id = case when $4 then $5 else parent_id end,
    soundtrack_account_id = case when $6 then $7 else soundtrack_account_id end,
    alerts = coalesce($8, alerts),
    updated_at = now()
where id = $1
returning id, name, country, parent_id, soundtrack_account_id, alerts, created_at, updated_at
