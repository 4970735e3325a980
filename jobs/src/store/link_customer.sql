-- Profile $1 is customer $2. A link that a person made is not taken away by a match of ours.
insert into sync.customer_link as l (profile_id, customer_id, stable_hash, method, confidence, linked_by)
values ($1, $2, $3, $4, $5, $6)
on conflict (profile_id) do update
set
    customer_id = excluded.customer_id, stable_hash = excluded.stable_hash, method = excluded.method,
    confidence = excluded.confidence, linked_by = excluded.linked_by, linked_at = now(), answered_at = null,
    synced_at = null
where l.customer_id <> excluded.customer_id
