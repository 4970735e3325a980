-- Lets go what the dead job $2 holds up.
delete from engine.partition_block where shard = $1 and job_id = $2
