-- What is over has no need of the values that it was to write.
with over as (
    select x.op_id, x.state, x.code, x.unkept, i.lost
    from jsonb_to_recordset($1::jsonb) as x (op_id uuid, state text, code text, unkept jsonb)
    join sync.intent i on i.op_id = x.op_id
    where i.state in ('planned', 'sent', 'unknown')
),
ended as (
    update sync.intent i
    set
        state = x.state,
        code = x.code,
        ended_at = case when x.state in ('acked', 'rejected') then now() end,
        payload = case when x.state in ('acked', 'rejected') then '{}' else i.payload end,
        fields = case when x.state in ('acked', 'rejected') then '{}' else i.fields end,
        lost = case when x.state in ('acked', 'rejected') then '[]' else i.lost end
    from over x
    where i.op_id = x.op_id
)
select coalesce(jsonb_agg(entry), '[]')
from over x
cross join jsonb_array_elements(x.lost) as entry
where x.state = 'acked' and not x.unkept ? (entry ->> 'field')
