update sync.product p
set
    name = x.row ->> 'name',
    sku = x.row ->> 'sku',
    description = x.row ->> 'description',
    price = (x.row ->> 'price')::numeric,
    -- An answer without stock says nothing of it.
    stock_quantity = case
        when x.row ? 'stock_quantity' then (x.row ->> 'stock_quantity')::numeric
        else p.stock_quantity
    end,
    is_active = (x.row -> 'is_active')::boolean,
    modified_at = coalesce((x.row ->> 'modified_at')::timestamptz, p.modified_at),
    gone_at = null,
    updated_at = now()
from jsonb_array_elements($3::jsonb) as x (row)
where p.connection = $2 and p.zoho_item_id = x.row ->> 'key' and $1::bigint is null
