//! Prune: what has expired goes, by the era where it can and job by job where it must. Any number of
//! processes may be at it: of each era one is, and rows that somebody else deletes are skipped.

mod plan;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use self::plan::Plan;
use super::Client;
use crate::Result;
use crate::retention::{Emptied, Era, Pruned, Retention};
use crate::store::era::Emptying;
use crate::store::{era, kind, prune, read};

impl Client {
    /// The eras by which history is divided, oldest first, each with how many of its jobs would stay if
    /// it were emptied now; at last `other`, for ids of no era.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub async fn eras(&self, keep: Retention) -> Result<Vec<Era>> {
        let mut conn = self.inner.pool.acquire().await?;
        let now = read::instant_of_database(&mut conn).await?;
        let mut eras = era::list(&mut conn, keep).await?;
        for era in eras.iter_mut().filter(|era| era.has_begun(now)) {
            era.stays = match era::staying(&mut conn, &era.name, keep).await {
                Err(error) if era::is_gone(&error) => None,
                stays => Some(stays?),
            };
        }
        Ok(eras)
    }

    /// Deletes the ended jobs that have expired, as the prune service does in every process; `keep` is for
    /// kinds that say nothing of their own. An era whose tables are held by a reader is left for later.
    ///
    /// # Errors
    /// [`crate::Error::Database`]; what was deleted until then is gone.
    pub async fn prune(&self, keep: Retention) -> Result<Pruned> {
        self.prune_until(keep, &CancellationToken::new()).await
    }

    /// What [`Client::prune`] would do now. Jobs that go one by one are counted up to 100,000 of a rule.
    ///
    /// # Errors
    /// [`crate::Error::Database`].
    pub async fn prune_preview(&self, keep: Retention) -> Result<Pruned> {
        let mut plan = self.plan(keep).await?;
        let mut conn = self.inner.pool.acquire().await?;
        let mut would = Pruned::default();
        for era in std::mem::take(&mut plan.due) {
            let stayed = era::staying(&mut conn, &era.name, keep).await?;
            if stayed > Era::MOST_PUT_BACK {
                plan.add_put_off(&era);
                continue;
            }
            let ended = era::ended(&mut conn, &era.name).await?;
            would.emptied.push(Emptied {
                gone: ended - era::staying_ended(&mut conn, &era.name, keep).await?,
                era: era.name,
                stayed,
            });
        }
        for (rule, within) in plan.walks(keep) {
            would.rows += prune::count(&mut conn, rule, within).await?;
        }
        Ok(would)
    }

    /// The same until it is told to stop; between two statements, never within one.
    pub(crate) async fn prune_until(
        &self,
        keep: Retention,
        stop: &CancellationToken,
    ) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let mut put_off = Vec::new();
        for era in self.plan(keep).await?.due {
            if stop.is_cancelled() {
                return Ok(pruned);
            }
            match self.empty_era(&era.name, keep).await? {
                Emptying::Done(emptied) => pruned.emptied.push(emptied),
                Emptying::Many => put_off.push(era),
                Emptying::Busy => {
                    pruned.busy.push(era.name.clone());
                    put_off.push(era);
                }
                Emptying::Taken => {}
            }
        }
        let mut plan = self.plan(keep).await?;
        put_off.retain(|era| plan.add_put_off(era));
        pruned.rows = self.prune_rows(&plan, keep, stop).await?;
        for era in put_off {
            if !stop.is_cancelled() {
                era::set_emptied(&mut *self.inner.pool.acquire().await?, &era.name).await?;
            }
        }
        self.sweep_eras(stop).await?;
        while !stop.is_cancelled() && self.join_eras().await? {}
        Ok(pruned)
    }

    /// Makes the eras that are wanted ahead of time; returns their names. Fewer when others do the same, or
    /// hold the tables: later is early enough.
    pub(crate) async fn add_eras(&self, keep: Retention) -> Result<Vec<String>> {
        let length = keep.era_length();
        let mut made = Vec::new();
        loop {
            let until = era::wanted(&mut *self.inner.pool.acquire().await?, length).await?;
            let Some(until) = until else { return Ok(made) };
            let adding = self.in_transaction(move |conn| era::add(conn, until).boxed());
            match adding.await {
                Ok(Some(name)) => made.push(name),
                Ok(None) => return Ok(made),
                Err(error) if era::is_busy(&error) => return Ok(made),
                Err(error) => return Err(error),
            }
        }
    }

    async fn empty_era(&self, name: &str, keep: Retention) -> Result<Emptying> {
        let era = name.to_owned();
        let emptying = self.in_transaction(move |conn| {
            async move {
                match era::may_empty(conn, &era, keep).await? {
                    true => era::empty(conn, &era, keep).await,
                    false => Ok(Emptying::Many),
                }
            }
            .boxed()
        });
        match emptying.await {
            Err(error) if era::is_gone(&error) => Ok(Emptying::Taken),
            Err(error) if era::is_busy(&error) => Ok(Emptying::Busy),
            Err(error) if era::is_forbidden(&error) => {
                tracing::warn!(%error, era = name, "only the owner of its tables can empty the era {name}; its jobs go one by one");
                Ok(Emptying::Many)
            }
            other => other,
        }
    }

    async fn prune_rows(
        &self,
        plan: &Plan,
        keep: Retention,
        stop: &CancellationToken,
    ) -> Result<u64> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut rows = 0;
        for (rule, within) in plan.walks(keep) {
            while !stop.is_cancelled() {
                match prune::prune(&mut conn, rule, within).await {
                    Ok(0) => break,
                    Ok(gone) => rows += gone,
                    Err(error) if era::is_gone(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(rows)
    }

    /// What had hung on jobs that went with their era, also one that somebody else has emptied.
    async fn sweep_eras(&self, stop: &CancellationToken) -> Result<()> {
        let mut conn = self.inner.pool.acquire().await?;
        for name in era::unswept(&mut conn).await? {
            while !stop.is_cancelled() {
                if era::sweep(&mut conn, &name).await? == 0 {
                    era::set_swept(&mut conn, &name).await?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Joins two eras of which little is left; false when there are no such, or they are in use.
    async fn join_eras(&self) -> Result<bool> {
        let pair = era::neighbours(&mut *self.inner.pool.acquire().await?).await;
        let (goes, stays) = match pair {
            Ok(Some(pair)) => pair,
            Ok(None) => return Ok(false),
            Err(error) if era::is_gone(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.join_pair(goes, stays).await {
            Err(error)
                if era::is_busy(&error) || era::is_gone(&error) || era::is_forbidden(&error) =>
            {
                Ok(false)
            }
            joined => joined,
        }
    }

    async fn join_pair(&self, goes: String, stays: String) -> Result<bool> {
        let (one, other) = (goes.clone(), stays.clone());
        self.in_transaction(move |conn| {
            async move { era::add_bounds(conn, &one, &other).await }.boxed()
        })
        .await?;
        let other = stays.clone();
        self.in_transaction(move |conn| {
            async move { era::prove_bounds(conn, &other).await }.boxed()
        })
        .await?;
        self.in_transaction(move |conn| async move { era::join(conn, &goes, &stays).await }.boxed())
            .await
    }

    async fn plan(&self, keep: Retention) -> Result<Plan> {
        let mut conn = self.inner.pool.acquire().await?;
        let now = read::instant_of_database(&mut conn).await?;
        let eras = era::list(&mut conn, keep).await?;
        let kinds = kind::list(&mut conn).await?;
        Ok(Plan::new(&eras, &kinds, keep, now))
    }
}
