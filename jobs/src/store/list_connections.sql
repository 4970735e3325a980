-- Connections by name, or that of $1, with what is known of their credentials. No secret is read.
select
    c.name, c.service, c.region, c.base_url, c.state, c.state_reason, c.state_at, c.used_at,
    coalesce(r.is_revoked, false) as is_revoked,
    coalesce(r.expires_at <= now(), false) as is_expired,
    coalesce(r.renew_at <= now(), false) as is_expiring,
    r.expires_at, r.refreshed_at, coalesce(r.version, 0) as version, r.code,
    array(select s.field from sync.secret s where s.connection = c.name order by s.field) as fields
from sync.connection c
left join sync.credential r on r.connection = c.name
where $1::text is null or c.name = $1
order by c.name
