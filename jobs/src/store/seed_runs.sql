-- $1 runs, one a minute up to now: half of them of companies, up to a thousand, the others of connection $2; as many changes of a
-- hundredth as many records, a tenth as many bad records, a fifth as many products, and a hundredth as many sweeps that
-- were held. What is wrong is seldom: one run in a hundred failed, one bad record in a thousand is open.
with owner as materialized (
    select row_number() over (order by id) - 1 as n, id
    from sync.company
    order by id
    limit 1000
),
n as materialized (
    select n.n, now() - ($1 - n.n) * interval '1 minute' as at, o.id as company_id, $2::text as connection
    from generate_series(1, $1::bigint) n
    left join owner o on o.n = (n.n / 2) % greatest((select count(*) from owner), 1) and n.n % 2 = 0
),
ran as (
    insert into sync.run (
        stream, company_id, connection, job_id, scope, status, code, error, fetched, unchanged, started_at, touched_at, ended_at
    )
    select
        case when company_id is null then 'zoho.products' else 'soundtrack.zones' end, company_id,
        case when company_id is null then connection end, gen_random_uuid(), 'bench',
        case n % 100 when 7 then 'failed' when 8 then 'partial' else 'succeeded' end,
        case when n % 100 = 7 then 'remote_unavailable' end,
        case when n % 100 = 7 then 'zoho answered 503 five times' end,
        200, 200, at, at, at
    from n
),
told as (
    insert into sync.history (stream, partition, key, event, changes, actor, at)
    select 'zoho.products', connection, 'item-' || n % greatest($1 / 100, 1), 'updated', '{"price": ["6", "7"]}', 'sync', at
    from n
),
bad as (
    insert into sync.quarantine (
        stream, connection, key, is_named, field, expected, raw, status, run_id, first_seen_at, last_seen_at, resolved_at
    )
    select
        'zoho.products', connection, 'item-' || n, true, 'rate', 'a number', '{"item_id": "1", "rate": "six"}',
        case when n % 10000 = 0 then 'open' else 'resolved' end, n, at, at, case when n % 10000 > 0 then at end
    from n
    where n % 10 = 0
),
made as (
    insert into sync.product (connection, zoho_item_id, name, sku, price, is_active, gone_at)
    select connection, 'item-' || n, 'Product ' || n, 'SKU-' || n, 7, true, case when n % 2500 = 0 then at end
    from n
    where n % 5 = 0
)
insert into sync.held_sweep (run_id, stream, connection, cause, known, candidates, status, held_at, decided_at, decided_by)
select n, 'zoho.products', connection, 'held_large', 200, '{item-1,item-2}', 'rejected', at, at, 'bench'
from n
where n % 100 = 0
