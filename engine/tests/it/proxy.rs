//! A proxy before Postgres that can lose the answer to one statement: the server has done it, and the
//! client never learns so.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use engine::Client;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

#[derive(Default)]
struct Orders {
    /// The text of the statement whose next answer is lost.
    lose: Mutex<Option<&'static str>>,
    lost: AtomicU64,
}

pub(crate) struct Proxy {
    orders: Arc<Orders>,
    options: PgConnectOptions,
    dir: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens on a socket of its own.
    pub(crate) fn start(url: &str) -> Proxy {
        let options: PgConnectOptions = url.parse().unwrap();
        let server = options
            .get_socket()
            .expect("a socket")
            .join(format!(".s.PGSQL.{}", options.get_port()));
        let dir = std::env::temp_dir().join(format!("proxy-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir(&dir).unwrap();
        let listener =
            UnixListener::bind(dir.join(format!(".s.PGSQL.{}", options.get_port()))).unwrap();
        let orders = Arc::new(Orders::default());
        let task = tokio::spawn(serve(listener, server, orders.clone()));
        Proxy {
            orders,
            options: options.socket(&dir),
            dir,
            task,
        }
    }

    /// A client that goes through it.
    pub(crate) async fn client(&self) -> Client {
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .test_before_acquire(false);
        Client::from_pool(pool.connect_with(self.options.clone()).await.unwrap())
    }

    /// From now on, for one answer.
    pub(crate) fn lose_the_answer_to(&self, statement: &'static str) {
        *self.orders.lose.lock().unwrap() = Some(statement);
    }

    /// Answers that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.orders.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn serve(listener: UnixListener, server: PathBuf, orders: Arc<Orders>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(relay(client, server.clone(), orders.clone()));
    }
}

/// Relays one connection until either side ends it, or an answer is to be lost.
async fn relay(client: UnixStream, server: impl AsRef<Path>, orders: Arc<Orders>) {
    let Ok(server) = UnixStream::connect(server).await else {
        return;
    };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut spoken = Vec::new();
    let mut losing = false;
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(size @ 1..) = read else { return };
                // A connection says the text of a statement once, when it prepares it, and binds it then.
                spoken.extend_from_slice(&asked[..size]);
                let order = *orders.lose.lock().unwrap();
                losing |= asked[0] == b'B' && order.is_some_and(|text| holds(&spoken, text));
                if to_server.write_all(&asked[..size]).await.is_err() { return }
            }
            read = from_server.read(&mut answered) => {
                let Ok(size @ 1..) = read else { return };
                if losing && orders.lose.lock().unwrap().take().is_some() {
                    orders.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if to_client.write_all(&answered[..size]).await.is_err() { return }
            }
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
