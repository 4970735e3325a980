-- The eras, oldest first, and what fits none of them.
select
    e.name, nullif(e.from_at, '-infinity') as from_at, e.until_at, e.emptied_at,
    case when e.emptied_at is null then e.until_at + $1 * interval '1 millisecond' end as goes_at,
    coalesce(s.jobs, 0)::bigint as jobs, coalesce(s.bytes, 0)::bigint as bytes
from (
    select name, from_at, until_at, emptied_at from engine.era
    union all
    select 'other', null, null, null
) e
cross join lateral (
    -- A table that was never analysed has -1 rows.
    select
        greatest(max(c.reltuples) filter (where d.name = 'job'), 0) as jobs,
        sum(pg_total_relation_size(c.oid)) as bytes
    from engine.divided() d
    join pg_class c on c.oid = to_regclass(format('engine.%I', d.name || '_' || e.name))
) s
order by e.until_at nulls last
