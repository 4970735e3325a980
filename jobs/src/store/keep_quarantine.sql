insert into sync.quarantine as q (stream, company_id, run_id, key, is_named, field, expected, raw)
-- A page may hold one bad record twice, and an insert may touch no row twice.
select distinct on (x.key) $1, $2, $3, x.key, x.is_named, x.field, x.expected, x.raw::jsonb
from unnest($4::text[], $5::boolean[], $6::text[], $7::text[], $8::text[])
    as x (key, is_named, field, expected, raw)
order by x.key
on conflict (stream, company_id, key) where status = 'open' do update
set
    run_id = excluded.run_id,
    field = excluded.field,
    expected = excluded.expected,
    raw = excluded.raw,
    times = q.times + 1,
    last_seen_at = now()
