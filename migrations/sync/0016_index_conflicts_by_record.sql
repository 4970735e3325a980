-- The conflicts of one record.

set local lock_timeout = '5s';
create index conflict_by_local on sync.conflict (local_id, id) where local_id is not null;
