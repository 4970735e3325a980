-- H: B with a claim that is HOT: no index, and no index predicate, names a column the claim changes. The price: running
-- rows stay in the ready index and every claim steps over them.
drop schema if exists shape_h cascade; create schema shape_h; set search_path = shape_h;
\ir live.sql
alter table live set (fillfactor = 50);
create index ready on live (shard, queue, priority, run_at, id) where due;
create index later on live (run_at) where not due;
