select x.link_id
from unnest($1::bigint[], $2::bytea[]) as x (link_id, hash)
where (
    select count(*)
    from (
        select i.hash, i.state, i.planned_at
        from sync.intent i
        where i.link_id = x.link_id
        order by i.planned_at desc
        limit 3
    ) as last
    where last.hash = x.hash and last.state = 'acked' and last.planned_at > now() - interval '1 hour'
) = 3
