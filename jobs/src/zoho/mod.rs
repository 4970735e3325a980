//! Zoho Inventory: the products of each organisation that a connection opens.

mod enqueue;
mod stream;
mod sync_organizations;
mod sync_products;

pub use enqueue::{sync_all_of, sync_items_of, sync_of};
pub use sync_organizations::SyncOrganizations;
pub(crate) use sync_products::is_item_id;
pub use sync_products::{Summary, SyncProducts, preview};

/// What its runs, quarantine and history call the products.
pub const STREAM: &str = "zoho.products";
