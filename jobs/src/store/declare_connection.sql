-- The row of a connection and the place of its credential. What stands there already is not written again.
with declared as (
    insert into sync.connection as c (name, service, region, base_url)
    values ($1, $2, $3, $4)
    on conflict (name) do update
    set region = excluded.region, base_url = excluded.base_url, updated_at = now()
    where (c.region, c.base_url) is distinct from (excluded.region, excluded.base_url)
    returning name
)
insert into sync.credential (connection)
select $1
where not exists (select from sync.credential where connection = $1)
    and (exists (select from declared) or exists (select from sync.connection where name = $1))
on conflict (connection) do nothing
