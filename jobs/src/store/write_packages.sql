-- The packages of profile $1 as an answer ($2, a list) names them. What stands there already is not written again; what is
-- written is answered with how it stood before.
with answer as (
    select *
    from jsonb_to_recordset($2::jsonb) as a (
        id text, site_id text, name text, display_name text, category text,
        total_hours numeric, used_hours numeric, remaining_hours numeric, pax integer, validity text,
        first_used_on date, expires_on date, purchased_on date, hash text
    )
), written as (
    insert into sync.package as p (
        profile_id, crm_package_id, site_package_id, name, display_name, category, total_hours, used_hours,
        remaining_hours, pax, validity, first_used_on, expires_on, purchased_on, hash
    )
    select
        $1, a.id, a.site_id, a.name, a.display_name, a.category, a.total_hours, a.used_hours,
        a.remaining_hours, a.pax, a.validity, a.first_used_on, a.expires_on, a.purchased_on, decode(a.hash, 'hex')
    from answer a
    order by a.id
    on conflict (profile_id, crm_package_id) do update
    set
        site_package_id = excluded.site_package_id, name = excluded.name, display_name = excluded.display_name,
        category = excluded.category, total_hours = excluded.total_hours, used_hours = excluded.used_hours,
        remaining_hours = excluded.remaining_hours, pax = excluded.pax, validity = excluded.validity,
        first_used_on = excluded.first_used_on, expires_on = excluded.expires_on,
        purchased_on = excluded.purchased_on, hash = excluded.hash, missing_since = null, gone_at = null,
        updated_at = now()
    where p.hash <> excluded.hash or p.missing_since is not null
    returning p.crm_package_id as id
)
-- The table is read as it was before this statement: the profile's lock keeps everybody else from it.
select
    w.id, b.profile_id is null as is_new, b.crm_package_id, b.site_package_id, b.name, b.display_name, b.category,
    b.total_hours::text, b.used_hours::text, b.remaining_hours::text, b.pax, b.validity, b.first_used_on::text,
    b.expires_on::text, b.purchased_on::text, b.missing_since, b.gone_at, false as is_overdue
from written w
left join sync.package b on b.profile_id = $1 and b.crm_package_id = w.id
order by w.id
