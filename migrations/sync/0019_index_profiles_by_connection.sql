-- The profiles of one connection.

set local lock_timeout = '5s';
create index profile_by_connection on sync.profile (connection, id);
