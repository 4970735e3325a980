-- A fifth of $1 records of connection $2 with five operations each and one entry of the journal; a twentieth conflicts,
-- of which one in a hundred waits for a person; a thousand versions of the mapping. One record in a thousand failed.
with n as materialized (
    select n, lpad(to_hex(n), 32, '0')::uuid as id, now() - ($1 / 5 - n) * interval '5 minutes' as at
    from generate_series(1, $1::bigint / 5) n
),
linked as (
    insert into sync.link (connection, stream, local_id, remote_id, state, status, code, base_local, base_remote, decided_at, synced_at)
    select
        $2, case when n % 2 = 0 then 'creatio.leads' else 'creatio.contacts' end, id, id, 'active',
        case n % 1000 when 7 then 'failed' when 8 then 'conflict' else 'success' end,
        case when n % 1000 = 7 then 'rejected' end, '{"email": "a@inn.example"}', '{"email": "a@inn.example"}', at, at
    from n
    returning id, stream, local_id, synced_at as at
),
done as (
    insert into sync.operation (link_id, connection, stream, local_id, remote_id, verb, direction, status, began_at, took_ms, at)
    select id, $2, stream, local_id, local_id, 'update', 'to_creatio', 'success', at, 120, at
    from linked, generate_series(1, 5)
),
lost as (
    insert into sync.journal (link_id, connection, stream, local_id, remote_id, field, event, lost_local, at)
    select id, $2, stream, local_id, local_id, 'email', 'overwrote_local', '"b@inn.example"', at
    from linked
),
disputed as (
    insert into sync.conflict (
        link_id, connection, stream, local_id, remote_id, field, policy, status, decision, decided_by, decided_at, detected_at
    )
    select
        id, $2, stream, local_id, local_id, 'email', 'ask', case when id % 400 = 0 then 'open' else 'applied' end,
        case when id % 400 > 0 then '{"take": "local"}'::jsonb end, case when id % 400 > 0 then 'bench' end,
        case when id % 400 > 0 then at end, at
    from linked
    where id % 4 = 0
)
insert into sync.mapping (connection, hash, text, enabled_by, is_current)
select $2, md5(n::text), '# bench', 'bench', false
from n
where n <= 1000
