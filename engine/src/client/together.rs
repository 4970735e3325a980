//! Together: single enqueues that come while another is being written share the next transaction. Each
//! returns once it is durable, as before; alone it waits for nobody.

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Bells;
use crate::job::{Enqueued, NewJob};
use crate::store::enqueue::enqueue_new;

/// Jobs of one transaction. More gain little, and each holds its args.
const MOST: usize = 100;
/// Transactions under way: one comes together while the other is written, and who was answered by one has
/// asked again by the time the other ends.
const AT_A_TIME: usize = 2;

struct Asked {
    job: NewJob,
    answer: oneshot::Sender<Enqueued>,
}

/// The way in for single jobs.
pub(super) struct Together(mpsc::UnboundedSender<Asked>);

impl Together {
    /// Starts the task that writes; it ends when this is dropped and everything is written.
    pub(super) fn start(pool: PgPool, bells: Bells) -> Together {
        let (sender, inbox) = mpsc::unbounded_channel();
        tokio::spawn(write_all(pool, bells, inbox));
        Together(sender)
    }

    /// Enqueues a job whose words are checked; none when it should be tried alone: it says more than the
    /// one statement does, or one of those it was with could not be written.
    pub(super) async fn enqueue(&self, job: &NewJob) -> Option<Enqueued> {
        if job.needs_its_own_call() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let job = job.clone();
        self.0.send(Asked { job, answer }).ok()?;
        answered.await.ok()
    }
}

async fn write_all(pool: PgPool, bells: Bells, mut inbox: mpsc::UnboundedReceiver<Asked>) {
    let mut asked = Vec::new();
    let mut under_way = JoinSet::new();
    loop {
        let room = MOST - asked.len();
        tokio::select! {
            more = inbox.recv_many(&mut asked, room), if room > 0 => {
                if more == 0 {
                    break;
                }
            }
            Some(_) = under_way.join_next() => {}
        }
        if !asked.is_empty() && under_way.len() < AT_A_TIME {
            under_way.spawn(write(
                pool.clone(),
                bells.clone(),
                std::mem::take(&mut asked),
            ));
        }
    }
    write(pool, bells, asked).await;
    under_way.join_all().await;
}

/// An error answers nobody: each tries alone then, and learns what is wrong with its own.
async fn write(pool: PgPool, bells: Bells, asked: Vec<Asked>) {
    if asked.is_empty() {
        return;
    }
    let (jobs, answers): (Vec<_>, Vec<_>) =
        asked.into_iter().map(|one| (one.job, one.answer)).unzip();
    let written = async { enqueue_new(&mut *pool.acquire().await?, &jobs).await };
    match written.await {
        Ok(stored) => {
            bells.ring(&stored);
            for (answer, enqueued) in answers.into_iter().zip(stored.enqueued) {
                // Whoever asked may be gone; the job is there all the same.
                let _ = answer.send(enqueued);
            }
        }
        Err(error) => tracing::debug!(%error, jobs = jobs.len(), "could not enqueue together"),
    }
}
