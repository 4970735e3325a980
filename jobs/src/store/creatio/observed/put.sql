-- Goes on after `with this (stream) as …,`. A listing may be read from a copy that is behind: what an answer to us showed
-- a while ago is not taken back by it. The next walk that is later than that has the last word.
-- Whatever differs must be looked at.
rows as materialized (
    select
        (x.row ->> 'key')::uuid as remote_id,
        x.row - '{key,raw,hash,modified_at}'::text[] as fields,
        array(select jsonb_array_elements_text(x.row #> '{raw,keys}')) as keys,
        (x.row #>> '{raw,modified_at}')::timestamptz as modified_at,
        (x.row #>> '{raw,modified_by}')::uuid as modified_by
    from jsonb_array_elements($3::jsonb) as x (row)
    where $1::bigint is null
),
written as (
    insert into sync.observed as o (connection, stream, remote_id, fields, keys, modified_at, modified_by)
    select $2, this.stream, r.remote_id, r.fields, r.keys, r.modified_at, r.modified_by
    from rows r cross join this
    on conflict (connection, stream, remote_id) do update
    set
        fields = excluded.fields,
        keys = excluded.keys,
        modified_at = excluded.modified_at,
        modified_by = excluded.modified_by,
        gone_at = null,
        updated_at = now()
    where o.updated_at < now() - interval '10 minutes' or o.modified_at is null
        or excluded.modified_at >= o.modified_at or o.modified_at >= now() + interval '1 day'
    returning o.connection, o.stream, o.remote_id
)
insert into sync.dirty_mark (connection, stream, side, key, reason)
select connection, stream, 'remote', remote_id, 'observed' from written
