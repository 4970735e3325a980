-- $1 companies with five zones each. One zone in a hundred is offline; every second company has an account.
with made as (
    insert into sync.company (name, country, soundtrack_account_id)
    select 'Bench ' || n, 'TH', case when n % 2 = 0 then 'bench-' || gen_random_uuid() end
    from generate_series(1, $1::bigint) n
    returning id
)
insert into sync.zone (company_id, soundtrack_zone_id, name, status)
select id, 'bench-' || id || '-' || n, 'Zone ' || n, case when (id * 5 + n) % 100 = 0 then 'offline' else 'online' end
from made, generate_series(1, 5) n
