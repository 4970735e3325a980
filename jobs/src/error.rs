//! What can go wrong in a handler, and for the callers of the small read and write API.

/// Why a sync or a change of a company failed. Variants name the caller's situation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such company.
    #[error("no company {0}")]
    UnknownCompany(i64),
    /// The company has no account at Soundtrack, so there is nothing to sync. The words are those
    /// that callers of the replaced system know.
    #[error("Company \"{name}\" has no Soundtrack account ID configured")]
    NoAccount {
        /// The company.
        id: i64,
        /// As its row says.
        name: String,
    },
    /// Another company has this account.
    #[error("the Soundtrack account is another company's")]
    AccountTaken,
    /// A value cannot be accepted as it is; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// This process was started without what the kind needs.
    #[error("{system} is not configured in this process")]
    NotConfigured {
        /// Which remote.
        system: &'static str,
    },
    /// The remote's answer, or its lack, was at fault.
    #[error("cannot read from the remote")]
    Remote(#[from] connectors::Error),
    /// So many records could not be read that the fault is not theirs.
    #[error("{bad} of {fetched} records could not be read; nothing of the last page was applied")]
    TooManyBad {
        /// Records that could not be read.
        bad: u64,
        /// All records of the run so far.
        fetched: u64,
    },
    /// Another job walks the same listing now.
    #[error("job {job_id} syncs company {company_id} now")]
    Busy {
        /// The company.
        company_id: i64,
        /// Who has the run.
        job_id: uuid::Uuid,
    },
    /// The run was taken over by another job, or has moved on without this attempt.
    #[error("run {0} is not this attempt's any more")]
    RunLost(i64),
    /// The attempt was told to stop between two pages.
    #[error("stopped between two pages")]
    Stopped,
    /// The engine refused or failed.
    #[error("the engine failed")]
    Engine(#[from] engine::Error),
    /// The schema in the database is not the one this binary needs.
    #[error("cannot migrate the schema sync")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The database refused or could not be reached.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    /// Names the refusals that a caller can do something about by their constraints.
    fn from(error: sqlx::Error) -> Error {
        let constraint = match &error {
            sqlx::Error::Database(db) => db.constraint().map(str::to_owned),
            _ => None,
        };
        match constraint.as_deref() {
            Some("company_by_account") => Error::AccountTaken,
            Some("company_parent_id_fkey") => Error::Invalid("parent_id: no such company".into()),
            Some("parent_is_another") => {
                Error::Invalid("parent_id: a company is not its own parent".into())
            }
            _ => Error::Database(error),
        }
    }
}

impl Error {
    /// A short stable word for this error, for failures and problem bodies.
    pub fn code(&self) -> &'static str {
        match self {
            Error::UnknownCompany(_) => "unknown_company",
            Error::NoAccount { .. } => "no_account",
            Error::AccountTaken => "account_taken",
            Error::Invalid(_) => "invalid",
            Error::NotConfigured { .. } => "not_configured",
            Error::Remote(error) => crate::verdict::code(error),
            Error::TooManyBad { .. } => "too_many_bad_records",
            Error::Busy { .. } => "busy",
            Error::RunLost(_) => "run_lost",
            Error::Stopped => "stopped",
            Error::Engine(error) => error.code(),
            Error::Migrate(_) => "migrate",
            Error::Database(_) => "database",
        }
    }
}
