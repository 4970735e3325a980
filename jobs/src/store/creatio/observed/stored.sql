-- Goes on after `with this (stream) as …`.
select
    o.remote_id::text as key,
    true as is_ours,
    ''::bytea as hash,
    o.gone_at is not null as is_gone,
    -- A time that lies a day ahead is of a clock that was wrong: no later answer is behind it.
    case
        when o.updated_at > now() - interval '10 minutes' and o.modified_at < now() + interval '1 day' then o.modified_at
    end as modified_at,
    o.fields
from this
cross join unnest($3::text[]) as x (key)
join sync.observed o on o.connection = $2 and o.stream = this.stream and o.remote_id = x.key::uuid
where $1::bigint is null
