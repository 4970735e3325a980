select
    count(*) filter (where status = 'success' and verb = 'create' and direction = 'to_creatio') as created_in_creatio,
    count(*) filter (where status = 'success' and verb = 'update' and direction in ('to_creatio', 'both')) as updated_in_creatio,
    count(*) filter (where status = 'success' and verb = 'delete' and direction = 'to_creatio') as deleted_in_creatio,
    count(*) filter (where status = 'success' and verb = 'create' and direction = 'from_creatio') as created_here,
    count(*) filter (where status = 'success' and verb = 'update' and direction in ('from_creatio', 'both')) as updated_here,
    count(*) filter (where status = 'success' and verb = 'delete' and direction = 'from_creatio') as deleted_here,
    count(*) filter (where status = 'success' and verb = 'link') as linked,
    count(*) filter (where status = 'conflict') as conflicts,
    count(*) filter (where status = 'manual_review') as in_review,
    count(*) filter (where status = 'failed') as failed
from sync.operation
where job_id = any($1)
