//! Connections: the remote accounts that credentials open, the same for every process of the fleet.
//!
//! Settings declare them; the database keeps what all must agree on: whether a person must look, the sealed
//! secrets, and the one access token. [`Connections`] hands out clients; [`credential`] writes secrets and
//! changes keys; [`ops`] is what people do.

mod clients;
pub mod credential;
mod declared;
mod health;
mod keeper;
pub mod ops;
mod park;
mod principal;
mod renew;
mod view;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connectors::check::Checked;
use connectors::reach::{Reach, Service};
use connectors::{Verdict, creatio, soundtrack, supabase, zoho};
use engine::Client;
use sqlx::PgPool;
use tokio::sync::Mutex;

pub use declared::{Declared, FieldRule, Given, check_name, fields_of};
pub(crate) use health::tell;
pub(crate) use view::{Credential, Stored};
pub use view::{CredentialStatus, SecretView, State, View};

use crate::seal::Keyring;
use crate::{Error, store};

/// The connections of this process. Cloning is cheap.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    engine: Option<Client>,
    reach: Reach,
    keys: Option<Keyring>,
    declared: Vec<Declared>,
    /// None: as long as is right for each service.
    longest_call: Option<Duration>,
    /// Built when first asked for, and again when its secrets are others.
    clients: Mutex<HashMap<String, Built>>,
}

#[derive(Clone)]
struct Built {
    /// Of the secrets in the database.
    generation: i64,
    client: Remote,
}

/// A client of a service.
#[derive(Clone)]
enum Remote {
    Creatio(Arc<creatio::Client>),
    Soundtrack(Arc<soundtrack::Client>),
    Supabase(Arc<supabase::Client>),
    Zoho(Arc<zoho::Client>),
}

impl Connections {
    /// Those that the settings declare, over the database of the engine.
    #[must_use]
    pub fn new(
        engine: Client,
        declared: Vec<Declared>,
        reach: Reach,
        keys: Option<Keyring>,
    ) -> Connections {
        Connections::with(Some(engine), declared, reach, keys)
    }

    /// None at all: for checks that call nobody.
    #[must_use]
    pub fn none() -> Connections {
        Connections::with(None, Vec::new(), Reach::default(), None)
    }

    /// With a client that somebody else has made, for the kinds of Soundtrack.
    #[must_use]
    pub fn of_soundtrack(client: soundtrack::Client) -> Connections {
        let built = Built {
            generation: 0,
            client: Remote::Soundtrack(Arc::new(client)),
        };
        let name = crate::soundtrack::CONNECTION.to_owned();
        let Connections(inner) = Connections::none();
        let clients = Mutex::new(HashMap::from([(name, built)]));
        let inner = Arc::into_inner(inner).expect("nobody else has it yet");
        Connections(Arc::new(Inner { clients, ..inner }))
    }

    fn with(
        engine: Option<Client>,
        declared: Vec<Declared>,
        reach: Reach,
        keys: Option<Keyring>,
    ) -> Connections {
        Connections(Arc::new(Inner {
            engine,
            reach,
            keys,
            declared,
            longest_call: None,
            clients: Mutex::default(),
        }))
    }

    /// With clients that give up a call after this span: for tests of remotes that never answer.
    ///
    /// # Panics
    /// When they are in use already.
    #[must_use]
    pub fn giving_up_after(self, span: Duration) -> Connections {
        let inner = Arc::into_inner(self.0).expect("nobody else has it yet");
        let longest_call = Some(span);
        Connections(Arc::new(Inner {
            longest_call,
            ..inner
        }))
    }

    fn longest_call(&self) -> Option<Duration> {
        self.0.longest_call
    }

    /// What the settings declare.
    #[must_use]
    pub fn declared(&self) -> &[Declared] {
        &self.0.declared
    }

    /// What the settings say of one.
    ///
    /// # Errors
    /// [`Error::UnknownConnection`].
    pub fn find(&self, name: &str) -> Result<&Declared, Error> {
        let found = self.0.declared.iter().find(|one| one.name == name);
        found.ok_or_else(|| Error::UnknownConnection(name.to_owned()))
    }

    /// Writes the declared connections into the database, where that is new.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn declare(&self) -> Result<(), Error> {
        for one in self.0.declared.clone() {
            store::in_transaction(self.pool()?, move |tx| {
                Box::pin(async move { store::connection::declare(tx, &one).await })
            })
            .await?;
        }
        Ok(())
    }

    /// The client of a Creatio connection.
    ///
    /// # Errors
    /// As for [`soundtrack`](Self::soundtrack).
    pub async fn creatio(&self, name: &str) -> Result<Arc<creatio::Client>, Error> {
        match self.client(name).await? {
            Remote::Creatio(client) => Ok(client),
            _ => Err(Error::UnknownConnection(name.to_owned())),
        }
    }

    /// The client of a Soundtrack connection.
    ///
    /// # Errors
    /// [`Error::NotConfigured`] when nobody gave its secrets; [`Error::Parked`] while a person must give
    /// others; those of sealing.
    pub async fn soundtrack(&self, name: &str) -> Result<Arc<soundtrack::Client>, Error> {
        match self.client(name).await? {
            Remote::Soundtrack(client) => Ok(client),
            _ => Err(Error::UnknownConnection(name.to_owned())),
        }
    }

    /// The client of a Supabase connection.
    ///
    /// # Errors
    /// As for [`soundtrack`](Self::soundtrack).
    pub async fn supabase(&self, name: &str) -> Result<Arc<supabase::Client>, Error> {
        match self.client(name).await? {
            Remote::Supabase(client) => Ok(client),
            _ => Err(Error::UnknownConnection(name.to_owned())),
        }
    }

    /// The client of a Zoho connection.
    ///
    /// # Errors
    /// As for [`soundtrack`](Self::soundtrack).
    pub async fn zoho(&self, name: &str) -> Result<Arc<zoho::Client>, Error> {
        match self.client(name).await? {
            Remote::Zoho(client) => Ok(client),
            _ => Err(Error::UnknownConnection(name.to_owned())),
        }
    }

    /// What a call's error means, now that the connection may have been parked over it: then the job is not to
    /// blame and waits.
    pub async fn judge(&self, name: &str, error: connectors::Error) -> Error {
        let of_auth = matches!(
            error.verdict(),
            Verdict::AuthExpired | Verdict::AuthRevoked | Verdict::Forbidden
        );
        if !of_auth {
            return error.into();
        }
        // Whatever refuses a credential for good has parked the connection: one that is not stopped has been given
        // another since, before its job came to tell.
        let was_parked = self.0.engine.is_some() && error.verdict() == Verdict::AuthRevoked;
        match self.is_stopped(name).await {
            Ok(is_stopped) if is_stopped || was_parked => Error::Parked {
                connection: name.to_owned(),
            },
            Ok(_) => error.into(),
            // Not known to be parked, and a job that dies of the remote's no could not go on when it is.
            Err(unknown) => unknown,
        }
    }

    async fn is_stopped(&self, name: &str) -> Result<bool, Error> {
        let Ok(pool) = self.pool() else {
            return Ok(false);
        };
        let name = name.to_owned();
        store::in_transaction(pool, move |tx| {
            Box::pin(async move { store::connection::is_stopped(tx, &name).await })
        })
        .await
    }

    /// A client, whatever its service, that can be tried.
    pub(crate) async fn checked(&self, name: &str) -> Result<Arc<dyn Checked>, Error> {
        Ok(match self.any_client(name).await? {
            Remote::Creatio(client) => client,
            Remote::Soundtrack(client) => client,
            Remote::Supabase(client) => client,
            Remote::Zoho(client) => client,
        })
    }

    /// The client, unless the connection is parked. Parked anew if somebody resumed it alone.
    async fn client(&self, name: &str) -> Result<Remote, Error> {
        if self.0.engine.is_some()
            && self.is_stopped(name).await?
            && park::pause_again(self.engine()?, name).await?
        {
            return Err(Error::Parked {
                connection: name.to_owned(),
            });
        }
        self.any_client(name).await
    }

    async fn any_client(&self, name: &str) -> Result<Remote, Error> {
        let mut clients = self.0.clients.lock().await;
        if self.0.engine.is_none() {
            let handed = clients.get(name).map(|built| built.client.clone());
            let system = name.split('/').next().and_then(Service::parse);
            return handed.ok_or(Error::NotConfigured {
                system: system.map_or("the remote", Service::as_str),
            });
        }
        let declared = self.find(name)?.clone();
        let (wanted, is_new) = (declared.clone(), !clients.contains_key(name));
        let generation = store::in_transaction(self.pool()?, move |tx| {
            Box::pin(async move {
                if is_new {
                    store::connection::declare(tx, &wanted).await?;
                }
                store::connection::touch(tx, &wanted.name).await?;
                store::secret::generation(tx, &wanted.name).await
            })
        })
        .await?;
        if let Some(built) = clients.get(name)
            && built.generation == generation
        {
            return Ok(built.client.clone());
        }
        let client = clients::build(self, &declared, generation).await?;
        let built = Built {
            generation,
            client: client.clone(),
        };
        clients.insert(name.to_owned(), built);
        Ok(client)
    }

    /// The id of the key that seals what is new, if there is one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.keys.as_ref().map(Keyring::current)
    }

    pub(crate) fn engine(&self) -> Result<&Client, Error> {
        self.0.engine.as_ref().ok_or(Error::NotConfigured {
            system: "the database",
        })
    }

    pub(crate) fn pool(&self) -> Result<&PgPool, Error> {
        self.engine().map(Client::pool)
    }

    pub(crate) fn keys(&self) -> Option<&Keyring> {
        self.0.keys.as_ref()
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.0.reach
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.declared.iter().map(|one| &one.name);
        f.debug_list().entries(names).finish()
    }
}
