-- What is over has no need of the values that it was to write.
update sync.intent i
set
    state = x.state,
    code = x.code,
    ended_at = case when x.state in ('acked', 'rejected') then now() end,
    payload = case when x.state in ('acked', 'rejected') then '{}' else i.payload end,
    fields = case when x.state in ('acked', 'rejected') then '{}' else i.fields end
from jsonb_to_recordset($1::jsonb) as x (op_id uuid, state text, code text)
where i.op_id = x.op_id and i.state in ('planned', 'sent', 'unknown')
