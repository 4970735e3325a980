-- The journal of one record, and of one connection.

set local lock_timeout = '5s';
create index journal_by_local on sync.journal (local_id, id) where local_id is not null;
create index journal_by_connection on sync.journal (connection, id);
