-- Answers the keys of those that stay ignored.
with kept as (
    insert into sync.quarantine as q (
        stream, company_id, connection, run_id, key, is_named, field, expected, raw, profile_id, job_id
    )
    -- A page may hold one bad record twice, and an insert may touch no row twice.
    select distinct on (x.key) $1, $2, $3, $4, x.key, x.is_named, x.field, x.expected, x.raw::jsonb,
        $10, $11
    from unnest($5::text[], $6::boolean[], $7::text[], $8::text[], $9::text[])
        as x (key, is_named, field, expected, raw)
    order by x.key
    on conflict (stream, partition, key) where status <> 'resolved' do update
    set
        run_id = excluded.run_id,
        job_id = excluded.job_id,
        field = excluded.field,
        expected = excluded.expected,
        raw = excluded.raw,
        -- What a person has said holds for the record as they saw it.
        status = case when q.status = 'ignored' and q.raw = excluded.raw then 'ignored' else 'open' end,
        times = q.times + 1,
        last_seen_at = now()
    returning q.key, q.status
)
select key from kept where status = 'ignored'
