insert into sync.intent (op_id, link_id, remote_id, verb, payload, fields, lost, hash, expected_at, job_id)
select gen_random_uuid(), x.link_id, x.remote_id, x.verb, x.payload, x.fields, x.lost, x.hash::bytea, x.expected_at, $1
from jsonb_to_recordset($2::jsonb) as x (
    link_id bigint, remote_id uuid, verb text, payload jsonb, fields jsonb, lost jsonb, hash text, expected_at timestamptz
)
returning link_id, op_id
