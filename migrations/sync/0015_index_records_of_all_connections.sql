-- Lists of records without a connection walked the whole table. Here and in the next four files no row is rewritten, and
-- writes to the one table of the file wait while its indexes are made, 0.1 s for 100,000 rows each.

set local lock_timeout = '5s';
-- By the product's id and by Creatio's.
create index link_by_local_alone on sync.link (local_id) where local_id is not null;
create index link_by_remote_alone on sync.link (remote_id) where remote_id is not null;
-- What waits or went wrong.
create index link_not_in_step on sync.link (status, id) where status <> 'success';
