//! Schedules: declare, read, run now. Pausing is [`Client::pause`].

use serde_json::json;

use super::Client;
use super::read::LARGEST_PAGE;
use crate::control::Actor;
use crate::cursor::Cursor;
use crate::job::{Enqueued, NewJob};
use crate::schedule::{Schedule, ScheduleView, TickView};
use crate::store::{audit, enqueue, read, schedule as store};
use crate::view::Page;
use crate::{Error, Result};

impl Client {
    /// Makes the schedules be exactly these: new ones start from now, changed ones follow their new
    /// times, those that are missing are retired. Returns the names of the retired.
    ///
    /// # Errors
    /// [`Error::BadSchedule`], and then nothing has changed.
    pub async fn sync_schedules(
        &self,
        schedules: &[Schedule],
        actor: &Actor,
    ) -> Result<Vec<String>> {
        for schedule in schedules {
            schedule.check()?;
        }
        let (schedules, actor) = (schedules.to_vec(), actor.clone());
        let retired = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let now = read::instant_of_database(conn).await?;
                    let mut names: Vec<String> = Vec::new();
                    for schedule in &schedules {
                        for next in schedule.next(now, 1)? {
                            store::declare(conn, schedule, next.at).await?;
                        }
                        names.push(schedule.name.clone());
                    }
                    let retired = store::remove_others(conn, &names).await?;
                    for name in &retired {
                        audit::record(conn, &actor, "schedule.retire", name, None).await?;
                    }
                    Ok(retired)
                })
            })
            .await?;
        self.inner.bells.hub.schedules_changed();
        Ok(retired)
    }

    /// All schedules with their newest tick.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn schedules(&self) -> Result<Vec<ScheduleView>> {
        let mut conn = self.inner.pool.acquire().await?;
        let mut views = store::list(&mut conn).await?;
        for view in &mut views {
            view.last_tick = store::ticks(&mut conn, &view.schedule.name, None, 1)
                .await?
                .pop();
        }
        Ok(views)
    }

    /// A page of the ticks of a schedule with what became of their jobs, newest first: the ledger.
    ///
    /// # Errors
    /// [`Error::NoSuch`] when nothing of that name was ever declared; [`Error::Invalid`] for a place of
    /// another list.
    pub async fn ticks(
        &self,
        name: &str,
        before: Option<&Cursor<bool>>,
        limit: u16,
    ) -> Result<Page<TickView, bool>> {
        Cursor::check(before, true)?;
        let mut conn = self.inner.pool.acquire().await?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        let ticks = store::ticks(&mut conn, name, before, i64::from(limit) + 1).await?;
        if ticks.is_empty() && store::find(&mut conn, name).await?.is_none() {
            return Err(Error::NoSuch {
                what: "schedule",
                name: name.to_owned(),
            });
        }
        Ok(Page::of(ticks, limit, |tick| Cursor {
            at: Some(tick.tick_at),
            key: tick.manual,
        }))
    }

    /// Runs a schedule's job now, paused or not. The next tick stays where it is.
    ///
    /// # Errors
    /// [`Error::NoSuch`].
    pub async fn run_schedule_now(&self, name: &str, actor: &Actor) -> Result<Enqueued> {
        let (name, actor) = (name.to_owned(), actor.clone());
        let stored = self
            .in_transaction(move |conn| {
                Box::pin(async move {
                    let schedule = store::find(conn, &name).await?.ok_or(Error::NoSuch {
                        what: "schedule",
                        name: name.clone(),
                    })?;
                    let job = job_of(&schedule).asked_by(&actor.name);
                    let stored =
                        enqueue::enqueue(conn, std::slice::from_ref(&job), enqueue::Hint::Caller)
                            .await?;
                    let now = read::instant_of_database(conn).await?;
                    let tick = store::Decision {
                        schedule: &name,
                        tick_at: now,
                        decision: "enqueued",
                        job_id: Some(job.id()),
                        manual: true,
                    };
                    store::decide(conn, tick).await?;
                    audit::record(
                        conn,
                        &actor,
                        "schedule.run",
                        &name,
                        Some(json!({"job": job.id()})),
                    )
                    .await?;
                    Ok(stored)
                })
            })
            .await?;
        self.hint(&stored);
        stored
            .enqueued
            .into_iter()
            .next()
            .ok_or_else(|| Error::Invalid("nothing was enqueued".into()))
    }
}

/// What a tick enqueues.
pub(crate) fn job_of(schedule: &Schedule) -> NewJob {
    let job =
        NewJob::new(&schedule.kind, &schedule.args).asked_by(format!("schedule:{}", schedule.name));
    match &schedule.queue {
        Some(queue) => job.queue(queue),
        None => job,
    }
}
