//! The asking thread: how many messages wait, and queues made anew when they have gone or are of no use. Its connection never
//! publishes, so the server answers it also while it takes no messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, select, unbounded};
use tokio::sync::oneshot;

use super::connection::{Duty, Session};
use super::error::LinkFault;
use super::health::RabbitHealth;
use super::topology::Topology;
use crate::job::QueueName;

/// How often the dead queue is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A dropped answer means: there was no connection.
pub(super) enum Question {
    /// How many messages wait in a queue.
    Depth {
        queue: QueueName,
        answer: oneshot::Sender<Result<u64, amiquip::Error>>,
    },
    /// That a queue be made anew.
    Remake {
        queue: QueueName,
        answer: oneshot::Sender<Result<(), LinkFault>>,
    },
}

/// Asks until the last handle of the queue is dropped.
pub(super) struct Asker {
    questions: Receiver<Question>,
    missing: Receiver<()>,
    topology: Topology,
    health: Arc<RabbitHealth>,
}

/// By which a publisher says that its queue has gone.
#[derive(Clone)]
pub(super) struct MissingQueue(Sender<()>);

impl MissingQueue {
    pub(super) fn declare(&self) {
        match self.0.try_send(()) {
            // Asked already, or there is no connection, and the next one declares everything.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

impl Asker {
    pub(super) fn new(
        topology: Topology,
        health: Arc<RabbitHealth>,
    ) -> (Self, Sender<Question>, MissingQueue) {
        let (ask, questions) = unbounded();
        let (declare, missing) = bounded(1);
        let asker = Self {
            questions,
            missing,
            topology,
            health,
        };
        (asker, ask, MissingQueue(declare))
    }

    fn answer(&self, question: Question, session: &Session) -> Result<(), LinkFault> {
        // Nobody may wait for an answer any more. A refusal closes the channel: the next connection declares the queue anew.
        let is_refused = match question {
            Question::Depth { queue, answer } => {
                let depth = session.depth(self.topology.queue(queue));
                let is_refused = depth.is_err();
                let _ = answer.send(depth);
                is_refused
            }
            Question::Remake { queue, answer } => {
                let remade = self.topology.remake(queue, &session.channel);
                let is_refused = remade.is_err();
                let _ = answer.send(remade);
                is_refused
            }
        };
        if is_refused { Err(LinkFault::Lost) } else { Ok(()) }
    }

    fn look_at_the_dead(&self, session: &Session) -> Result<(), LinkFault> {
        let dead = session
            .depth(self.topology.dead())
            .map_err(LinkFault::refused("counting dead messages"))?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "the dead queue holds thousands at most"
        )]
        metrics::gauge!("census_dead_messages").set(dead as f64);
        self.health.set_dead(dead);
        Ok(())
    }
}

impl Duty for Asker {
    fn serve(&mut self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault> {
        up();
        // Everything has just been declared.
        self.missing.try_iter().for_each(drop);
        let mut next_look = Instant::now();
        loop {
            if next_look <= Instant::now() {
                self.look_at_the_dead(session)?;
                next_look = Instant::now() + LOOK_EVERY;
            }
            select! {
                recv(self.questions) -> question => match question {
                    Ok(question) => self.answer(question, session)?,
                    Err(_) => return Ok(()),
                },
                recv(self.missing) -> missing => match missing {
                    Ok(()) => {
                        tracing::warn!("a queue of rabbitmq has gone and is declared again");
                        self.topology.declare_again(&session.channel)?;
                    }
                    Err(_) => return Ok(()),
                },
                // Said of publishers only; its end is that of the connection.
                recv(session.blocked) -> blocked => { blocked.map_err(|_| LinkFault::Lost)?; },
                default(next_look.saturating_duration_since(Instant::now())) => {}
            }
        }
    }

    fn away(&mut self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        loop {
            match self.questions.recv_deadline(end) {
                // Its answer is dropped unsaid.
                Ok(_question) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
