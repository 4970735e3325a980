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
    /// The booking site has not told of such a profile.
    #[error("no profile {0}")]
    UnknownProfile(uuid::Uuid),
    /// There is no such review.
    #[error("no review {0}")]
    UnknownReview(i64),
    /// The review was decided before.
    #[error("review {0} is decided already")]
    ReviewDecided(i64),
    /// The remote showed nothing, and nothing shows that there is nothing.
    #[error(
        "cannot be sure to have seen {0}: rows may be hidden from the key, or the remote is being loaded"
    )]
    Unproven(&'static str),
    /// This process was started without what the kind needs.
    #[error("{system} is not configured in this process")]
    NotConfigured {
        /// Which remote.
        system: &'static str,
    },
    /// The settings declare no such connection.
    #[error("no connection {0:?} is declared")]
    UnknownConnection(String),
    /// A secret of a connection was not given.
    #[error("{connection} has no {field}{}", .origin.as_ref().map(|origin| format!(": there is nothing in {origin}")).unwrap_or_default())]
    NoSecret {
        /// Whose.
        connection: String,
        /// Which.
        field: String,
        /// The place outside the database where it should be.
        origin: Option<String>,
    },
    /// The settings have this secret elsewhere, so that one in the database would never be used.
    #[error("the {field} of {connection} comes from {origin}")]
    GivenElsewhere {
        /// Whose.
        connection: String,
        /// Which.
        field: String,
        /// Where it is.
        origin: String,
    },
    /// The connection waits for a person to give another credential.
    #[error("{connection} needs another credential and is paused until it has one")]
    Parked {
        /// Which.
        connection: String,
    },
    /// The process has no key for credentials.
    #[error("no key for credentials was given to this process")]
    NoKey,
    /// A secret is sealed by a key that the process was not given.
    #[error(
        "the {field} of {connection} is sealed by key {key:?}, which was not given to this process"
    )]
    KeyMissing {
        /// Whose.
        connection: String,
        /// Which.
        field: String,
        /// The key's id.
        key: String,
    },
    /// The key is not the one that this database knows by its id. Nothing was written.
    #[error("key {key:?} is another key than the one that this database knows by that name")]
    KeyWrong {
        /// The key's id.
        key: String,
    },
    /// A secret does not open by the key of that id. Nothing was written.
    #[error(
        "the {field} of {connection} does not open by key {key:?}: the key is another one, or the row was changed or copied"
    )]
    Unsealable {
        /// Whose.
        connection: String,
        /// Which.
        field: String,
        /// The key's id.
        key: String,
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
    /// Of the records that answers had, another number ended somewhere: a fault of this program.
    #[error(
        "{fetched} records were fetched and {accounted} accounted for: a fault of this program, please report it with \
         the run; nothing of the last page was applied, and nothing was marked as gone"
    )]
    Miscounted {
        /// Records that answers had.
        fetched: i32,
        /// Records that were created, updated and so on.
        accounted: i32,
    },
    /// No record of a page could be read, so that it is the page that is at fault.
    #[error(
        "none of the {bad} records of a page could be read (of the first, {field} is not {expected}): the remote seems to \
         answer in another shape, so nothing of the page was applied or put into quarantine; look at it with a dry run, \
         and sync again once the remote or this program is mended"
    )]
    PageUnreadable {
        /// Records of the page.
        bad: usize,
        /// What was wrong with the first.
        field: String,
        /// What was expected there. What came is not told.
        expected: String,
    },
    /// The database took no record of a page, so that it is a rule of the table that is at fault.
    #[error(
        "none of the {bad} records of a page could be stored: the database refused {refused} of them (the first is not \
         {expected}), so nothing of the page was applied or put into quarantine; look for a constraint or trigger of \
         the table that forbids what comes, and sync again once it is mended"
    )]
    PageRefused {
        /// Records of the page.
        bad: usize,
        /// Those that the database refused; the others could not be read.
        refused: usize,
        /// What was expected of the first, with the name of what forbids it. What came is not told.
        expected: String,
    },
    /// Another job walks the same listing now.
    #[error("job {job_id} syncs {partition} now")]
    Busy {
        /// The company or the connection.
        partition: String,
        /// Who has the run.
        job_id: uuid::Uuid,
    },
    /// The run was taken over by another job, or has moved on without this attempt.
    #[error("run {0} is not this attempt's any more")]
    RunLost(i64),
    /// The attempt has walked long enough and goes on as another one.
    #[error("goes on at the next page")]
    SliceOver,
    /// A decision cannot be carried out, since what was decided on is no more as it was.
    #[error("{0}")]
    Decided(String),
    /// There is no such thing.
    #[error("no {what} {id}")]
    NoSuch {
        /// What is meant: `held sweep`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The attempt was told to stop between two pages.
    #[error("stopped between two pages")]
    Stopped,
    /// The mapping of a connection does not fit what Creatio says of itself.
    #[error("the mapping of {connection} cannot be used: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Mapping {
        /// Whose.
        connection: String,
        /// Everything that is wrong with it.
        faults: Vec<crate::creatio::mapping::Fault>,
    },
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
            Some("record_keeps_its_key") => {
                Error::Invalid("connection: a record keeps its id and its connection".into())
            }
            Some("parent_is_another") => {
                Error::Invalid("parent_id: a company is not its own parent".into())
            }
            _ => Error::Database(error),
        }
    }
}

impl Error {
    /// Whether a credential, or a key that seals one, must be given or changed first.
    pub fn is_of_credential(&self) -> bool {
        matches!(
            self,
            Error::NoSecret { .. }
                | Error::GivenElsewhere { .. }
                | Error::Parked { .. }
                | Error::NoKey
                | Error::KeyMissing { .. }
                | Error::KeyWrong { .. }
                | Error::Unsealable { .. }
        )
    }

    /// What forbids a row that a statement would write, if that is why the database refuses it. No value of the row is told.
    pub(crate) fn refusal(&self) -> Option<String> {
        let Error::Database(sqlx::Error::Database(refused)) = self else {
            return None;
        };
        let code = refused.code()?;
        // Data that does not fit its column, what a constraint forbids, and what a trigger raises.
        let is_of_the_row =
            code.starts_with("22") || code.starts_with("23") || code.as_ref() == "P0001";
        is_of_the_row.then(|| match refused.constraint() {
            Some(name) => name.to_owned(),
            None => format!("SQLSTATE {code}"),
        })
    }

    /// A short stable word for this error, for failures and problem bodies.
    pub fn code(&self) -> &'static str {
        match self {
            Error::UnknownCompany(_) => "unknown_company",
            Error::NoAccount { .. } => "no_account",
            Error::AccountTaken => "account_taken",
            Error::Invalid(_) => "invalid",
            Error::UnknownProfile(_) => "unknown_profile",
            Error::UnknownReview(_) => "unknown_review",
            Error::ReviewDecided(_) => "review_decided",
            Error::Unproven(_) => "unproven",
            Error::NotConfigured { .. } => "not_configured",
            Error::UnknownConnection(_) => "unknown_connection",
            Error::NoSecret { .. } => "no_secret",
            Error::GivenElsewhere { .. } => "given_elsewhere",
            Error::Parked { .. } => "parked",
            Error::NoKey => "no_key",
            Error::KeyMissing { .. } => "key_missing",
            Error::KeyWrong { .. } => "key_wrong",
            Error::Unsealable { .. } => "unsealable",
            Error::Remote(error) => crate::verdict::code(error),
            Error::TooManyBad { .. } => "too_many_bad_records",
            Error::PageUnreadable { .. } => "page_unreadable",
            Error::PageRefused { .. } => "page_refused",
            Error::Miscounted { .. } => "miscounted",
            Error::Busy { .. } => "busy",
            Error::RunLost(_) => "run_lost",
            Error::SliceOver => "slice_over",
            Error::Decided(_) => "decided",
            Error::NoSuch { .. } => "no_such",
            Error::Stopped => "stopped",
            Error::Mapping { .. } => "mapping",
            Error::Engine(error) => error.code(),
            Error::Migrate(_) => "migrate",
            Error::Database(_) => "database",
        }
    }
}
