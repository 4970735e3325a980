-- Every claim begins so: the kinds of $3 that may run, none while the queue is paused. A claim is put together of
-- this, of what finds its jobs (plain.sql, or keys.sql with keyed.sql or limited.sql) and of take.sql, which takes them.
with recursive allowed as materialized (
    select array(
        select kind from unnest($3::text[]) kind
        where kind not in (select name from engine.pause where scope = 'kind')
    ) as kinds
    where cardinality($3::text[]) > 0 and not exists (select from engine.pause where scope = 'queue' and name = $2)
),
