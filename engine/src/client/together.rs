//! Together: single enqueues that come while another is being written share the next transaction. Each
//! returns once it is durable, as before; alone it waits for nobody.

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use super::Bells;
use crate::job::{Enqueued, NewJob};
use crate::store::enqueue::enqueue_new;

/// Jobs of one transaction. More gain little, and each holds its args.
const MOST: usize = 100;
/// Turns of the runtime between two transactions.
const TURNS: usize = 4;

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
    while inbox.recv_many(&mut asked, MOST).await > 0 {
        write(&pool, &bells, std::mem::take(&mut asked)).await;
        // Let those who were answered just now ask again: one full transaction costs less than two half ones.
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }
}

/// An error answers nobody: each tries alone then, and learns what is wrong with its own.
async fn write(pool: &PgPool, bells: &Bells, asked: Vec<Asked>) {
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
