-- Where the renewal of a connection's access token stands, and the token. Spans are in seconds from now.
select
    c.state <> 'active' or r.is_revoked as is_stopped,
    r.version, r.api_domain, r.failures, r.lost,
    extract(epoch from r.expires_at - now())::float8 as left_s,
    extract(epoch from r.renew_at - now())::float8 as fresh_s,
    extract(epoch from now() - r.refreshed_at)::float8 as age_s,
    coalesce(r.lease_until > now(), false) as is_leased,
    r.intent = 'sent' as was_sent,
    coalesce(greatest(0, extract(epoch from r.retry_at - now())), 0)::float8 as retry_s,
    recent.calls as recent,
    recent.wait_s as recent_s,
    s.key_id, s.wrapped_key, s.value
from sync.connection c
join sync.credential r on r.connection = c.name
left join sync.secret s on s.connection = c.name and s.field = 'access_token' and s.version = r.version
cross join lateral (
    select
        count(*)::integer as calls,
        coalesce(extract(epoch from min(t) + interval '10 minutes' - now()), 0)::float8 as wait_s
    from unnest(r.sent_at) t
    where t > now() - interval '10 minutes'
) recent
where c.name = $1
