-- E: B without the lease index. Rescue goes through the worker's heartbeat row, or scans live where state = 1.
drop schema if exists shape_e cascade; create schema shape_e; set search_path = shape_e;
\ir live.sql
create index ready on live (shard, queue, priority, run_at, id) where state = 0 and due;
create index later on live (run_at) where state = 0 and not due;
