insert into sync.product (
    connection, zoho_item_id, name, sku, description, price, stock_quantity, is_active, modified_at
)
select $2, x.key, x.name, x.sku, x.description, x.price, x.stock_quantity, x.is_active, x.modified_at
from jsonb_to_recordset($3::jsonb) as x (
    key text, name text, sku text, description text, price numeric, stock_quantity numeric, is_active boolean,
    modified_at timestamptz
)
where $1::bigint is null
