select
    id, link_id, connection, stream, local_id, remote_id, field, base_local, base_remote, ours, theirs,
    theirs_local, gone, local_version, local_at, remote_at, policy, status, decision, proposed_by,
    proposed_at, decided_by, decided_at, note, applied_at, outcome, detected_at, updated_at
from sync.conflict
where ($1::text is null or connection = $1)
    and ($2::text is null or stream = $2)
    and ($3::text is null or field = $3)
    and ($4::text is null or status = $4)
    and ($5::uuid is null or local_id = $5)
    and ($6::bigint is null or id < $6)
order by id desc
limit $7
