-- Whoever retries, deletes or forgets a dead job lets its partition go on, and looked for that through all partitions
-- that are held up. Ends of jobs that hold one up wait while the index is made, an instant.
create index partition_block_by_job on engine.partition_block (shard, job_id);
