-- The bad records of one stream.

set local lock_timeout = '5s';
create index quarantine_by_stream on sync.quarantine (stream, id);
