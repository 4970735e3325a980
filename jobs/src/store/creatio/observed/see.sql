-- What an answer showed of the records $3 of connection $1 and stream $2. An older one changes nothing, unless what is
-- there is of a clock that was a day ahead.
insert into sync.observed as o (connection, stream, remote_id, fields, keys, modified_at, modified_by)
select $1, $2, x.key, x.fields, coalesce(x.keys, '{}'), x.modified_at, x.modified_by
from jsonb_to_recordset($3::jsonb) as x (
    key uuid, fields jsonb, keys text[], modified_at timestamptz, modified_by uuid
)
order by x.key
on conflict (connection, stream, remote_id) do update
set
    fields = excluded.fields,
    keys = excluded.keys,
    modified_at = excluded.modified_at,
    modified_by = excluded.modified_by,
    gone_at = null,
    updated_at = now()
where o.modified_at is null or excluded.modified_at >= o.modified_at
    or o.modified_at >= now() + interval '1 day'
