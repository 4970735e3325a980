-- Profiles by id, each with the customer it is: of connection $1, linked or not ($2), behind $3.
select
    p.id, p.connection, p.name, p.email, p.phone,
    l.customer_id, l.stable_hash, l.method, l.confidence, l.synced_at
from sync.profile p
left join sync.customer_link l on l.profile_id = p.id
where
    ($1::text is null or p.connection = $1)
    and ($2::boolean is null or (l.profile_id is not null) = $2)
    and ($3::uuid is null or p.id > $3)
order by p.id
limit $4
