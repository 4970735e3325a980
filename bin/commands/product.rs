//! `lockstep product`: the products of Zoho's organisations, as their last sync left them.

use clap::{Args, Subcommand};
use jobs::product::{self, Filter, Product};

use super::job::list::more;
use crate::app::{App, Session};
use crate::output::{Exit, Fault, Row, instant_or_dash};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Products {
    /// List products in the order of their ids
    #[command(
        before_help = "Examples:\n  lockstep product list --connection zoho/10234695\n  lockstep product list --sku SK-00001 -o csv",
        visible_alias = "ls"
    )]
    List(List),
    /// Show one product
    #[command(before_help = "Examples:\n  lockstep product show 7 -o json")]
    Show(One),
}

/// Which products.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// With exactly this SKU; there may be several
    #[arg(long)]
    sku: Option<String>,
    /// Only those that complete listings no longer have
    #[arg(long)]
    gone: bool,
    /// Only those with a greater id: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// One product.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id here
    id: i64,
}

/// Does it.
pub(crate) async fn run(app: &App, products: Products) -> anyhow::Result<Exit> {
    let session = app.connect().await?;
    let done = match products {
        Products::List(it) => list(app, &session, &it).await,
        Products::Show(it) => show(app, &session, it.id).await,
    };
    session.close().await?;
    done.map(|()| Exit::Ok)
}

async fn list(app: &App, session: &Session, list: &List) -> anyhow::Result<()> {
    let filter = Filter {
        connection: list.connection.clone(),
        sku: list.sku.clone(),
        gone: list.gone.then_some(true),
        after: list.after,
    };
    let page = product::list(&session.env.pool, &filter, list.limit).await?;
    app.out
        .list(&page.data, "No products. Sync them: lockstep sync zoho")?;
    more(app, &page, "--after");
    Ok(())
}

async fn show(app: &App, session: &Session, id: i64) -> anyhow::Result<()> {
    let found = product::get(&session.env.pool, id).await?.ok_or_else(|| {
        Fault::new(Exit::NotFound, format!("no product {id}")).fix("lockstep product list")
    })?;
    app.out.item(&found)?;
    app.out.next(&format!(
        "Why it is so: lockstep record history zoho.products {}",
        found.zoho_item_id
    ));
    Ok(())
}

impl Row for Product {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "CONNECTION",
        "ITEM",
        "NAME",
        "SKU",
        "PRICE",
        "STOCK",
        "ACTIVE",
        "GONE_AT",
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.id.to_string(),
            self.connection.clone(),
            self.zoho_item_id.clone(),
            self.name.clone(),
            or_dash(&self.sku),
            or_dash(&self.price),
            or_dash(&self.stock_quantity),
            self.is_active.to_string(),
            instant_or_dash(self.gone_at),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}
