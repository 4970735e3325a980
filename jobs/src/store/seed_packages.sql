-- A fifth of $1 profiles of connection $2, of whom four in five are known customers; a fiftieth reviews, of which one
-- in a hundred is open.
with n as materialized (
    select n, lpad(to_hex(n), 32, '0')::uuid as id, now() - ($1 - n) * interval '1 minute' as at
    from generate_series(1, $1::bigint) n
    where n % 5 = 0
),
made as (
    insert into sync.profile (id, connection, name, email, asked_at)
    select id, $2, 'Guest ' || n, 'guest-' || n || '@inn.example', at
    from n
),
linked as (
    insert into sync.customer_link (profile_id, customer_id, method, confidence, linked_by, linked_at)
    select id, 'customer-' || n, 'automatic', 100, 'bench', at
    from n
    where n % 25 > 0
)
insert into sync.match_review (profile_id, status, reason, candidates, decided_by, decided_at, created_at)
select
    id, case when n % 5000 = 0 then 'open' else 'rejected' end, 'several', '[]',
    case when n % 5000 > 0 then 'bench' end, case when n % 5000 > 0 then at end, at
from n
where n % 50 = 0
