//! One connection to RabbitMQ at a time, on a thread of its own, made anew for as long as it is wanted.

use std::cell::Cell;
use std::io;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use amiquip::{
    Auth, Channel, Connection, ConnectionBlockedNotification, ConnectionOptions, ConnectionTuning,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::address::{Address, AddressFault};
use super::error::LinkFault;
use super::health::RabbitHealth;
use super::topology::Topology;
use crate::job::Backoff;

/// For the TCP connection, and again for the handshake.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// Between tries, so that a server's return is noticed soon.
const BACKOFF: Backoff = Backoff {
    base: Duration::from_millis(100),
    max: Duration::from_secs(1),
};
// A server that is back is used within five seconds, also by who has just begun to wait for its silent predecessor.
const _: () = assert!(CONNECT_PATIENCE.as_millis() + BACKOFF.max.as_millis() <= 5_000);
/// A connection that served for this long was a good one; what dies sooner is tried again ever more slowly.
const STEADY_AFTER: Duration = Duration::from_secs(10);
/// Two missed ones end a connection whose other side fell silent.
const HEARTBEAT_S: u16 = 5;
/// For the server's answer to our farewell: it reads none while it blocks us.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);

/// What a link's thread does with its connections.
pub(super) trait Duty: Send + 'static {
    /// Uses one connection, and says by `up` when it has found that it can; `Ok` when the link is wanted no more.
    fn serve(&mut self, session: &Session, up: &dyn Fn()) -> Result<(), LinkFault>;

    /// Spends the time without a connection; whether the link is still wanted.
    fn away(&mut self, delay: Duration) -> bool;
}

/// One connection with its channel.
pub(super) struct Session {
    /// Tells it from every other connection of this adapter; 0 for one outside a link.
    pub(super) number: u64,
    pub(super) channel: Channel,
    /// The server says here that it stops, or resumes, to read what is published.
    pub(super) blocked: Receiver<ConnectionBlockedNotification>,
    pub(super) is_blocked: Cell<bool>,
    connection: Connection,
    /// A clone of the socket: shutting it down frees whoever waits for a silent server.
    socket: TcpStream,
}

/// A duty, and where its connections go.
pub(super) struct Link<D> {
    pub(super) name: &'static str,
    pub(super) address: Result<Address, AddressFault>,
    pub(super) topology: Topology,
    pub(super) health: Arc<RabbitHealth>,
    pub(super) duty: D,
}

impl<D: Duty> Link<D> {
    /// Starts the thread. It ends by itself when the duty is done.
    pub(super) fn start(self) {
        let number = self.health.link();
        let health = Arc::clone(&self.health);
        let thread = thread::Builder::new().name(format!("rabbitmq-{}", self.name));
        if let Err(source) = thread.spawn(move || self.run(number)) {
            let fault = LinkFault::Thread { source }.chain();
            tracing::error!(error = fault, "rabbitmq connection could not be started");
            health.down(number, &fault);
        }
    }

    fn run(mut self, link: u64) {
        let mut streak = Streak::default();
        loop {
            let reached = Cell::new(Reached::Nothing);
            let fault = match self.connect_and_serve(link, &reached) {
                Ok(()) => break,
                Err(fault) => fault,
            };
            let unserved = fault.is_mute() || matches!(reached.get(), Reached::Server);
            let is_news = streak.failed(reached.get(), unserved);
            self.show(link, &fault, unserved, is_news);
            if !self.duty.away(BACKOFF.draw(streak.failures)) {
                break;
            }
        }
        self.health.up(link);
    }

    fn show(&self, link: u64, fault: &LinkFault, unserved: bool, is_news: bool) {
        let reason = fault.chain();
        self.health.down(link, &reason);
        // Once per outage: the tries that follow fail for the same reason. A lost race is none.
        if !is_news || (fault.is_lost_race() && !unserved) {
            tracing::debug!(link = self.name, error = reason, "rabbitmq is tried again");
        } else if unserved {
            tracing::warn!(
                link = self.name,
                error = reason,
                "rabbitmq answers and does not serve"
            );
        } else {
            tracing::warn!(link = self.name, error = reason, "rabbitmq does not answer");
        }
    }

    fn connect_and_serve(&mut self, link: u64, reached: &Cell<Reached>) -> Result<(), LinkFault> {
        let mut session = Session::open(self.address.as_ref().map_err(|fault| *fault)?)?;
        let served = self.topology.declare(&mut session).and_then(|()| {
            session.number = self.health.connected();
            reached.set(Reached::Server);
            tracing::info!(
                link = self.name,
                connection = session.number,
                "connected to rabbitmq"
            );
            let up = || {
                self.health.up(link);
                reached.set(Reached::Service(Instant::now()));
            };
            self.duty.serve(&session, &up)
        });
        session.close(served)
    }
}

/// How far a connection came before it ended.
#[derive(Clone, Copy)]
enum Reached {
    Nothing,
    /// The server, which has not done yet what the link is for.
    Server,
    /// Since when it has.
    Service(Instant),
}

/// Failures in a row.
#[derive(Default)]
struct Streak {
    failures: u32,
    /// Whether the server had answered before the last one, and did not serve.
    unserved: bool,
}

impl Streak {
    /// Counts one more, and says whether it is worth a warning: the first, and the first of a server that is there. A server that takes connections and drops
    /// them at once is as bad as one that takes none.
    fn failed(&mut self, reached: Reached, unserved: bool) -> bool {
        if matches!(reached, Reached::Service(since) if since.elapsed() >= STEADY_AFTER) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let is_other = unserved && !self.unserved;
        self.unserved = unserved;
        self.failures == 1 || is_other
    }
}

impl Session {
    pub(super) fn open(address: &Address) -> Result<Self, LinkFault> {
        let unreachable = |source| LinkFault::Unreachable {
            address: address.to_string(),
            source,
        };
        let stream = connect(address).map_err(unreachable)?;
        // amiquip's own `open` leaves Nagle on: 30 confirmed publishes a second instead of 2,000.
        stream.set_nodelay(true).map_err(unreachable)?;
        let socket = stream.try_clone().map_err(unreachable)?;
        let stream = mio06::net::TcpStream::from_stream(stream).map_err(unreachable)?;
        let login = Auth::Plain {
            username: address.username.clone(),
            password: address.password.clone(),
        };
        let options = ConnectionOptions::default()
            .auth(login)
            .virtual_host(&address.virtual_host)
            .heartbeat(HEARTBEAT_S)
            .connection_timeout(Some(CONNECT_PATIENCE))
            .information(Some("census".to_owned()));
        let mut connection = Connection::insecure_open_stream(stream, options, ConnectionTuning::default())
            .map_err(LinkFault::refused("logging in"))?;
        let blocked = connection
            .listen_for_connection_blocked()
            .map_err(LinkFault::refused("listening for alarms"))?;
        let channel = connection
            .open_channel(None)
            .map_err(LinkFault::refused("opening a channel"))?;
        Ok(Self {
            number: 0,
            channel,
            blocked,
            is_blocked: Cell::new(false),
            connection,
            socket,
        })
    }

    /// A channel for what the server may refuse.
    pub(super) fn another_channel(&mut self) -> Result<Channel, LinkFault> {
        self.connection
            .open_channel(None)
            .map_err(LinkFault::refused("opening a channel"))
    }

    /// Messages that wait in a queue. A refusal closes the channel.
    pub(super) fn depth(&self, queue: String) -> amiquip::Result<u64> {
        let queue = self.channel.queue_declare_passive(queue)?;
        Ok(u64::from(queue.declared_message_count().unwrap_or_default()))
    }

    /// Ends the connection. The cause of a loss is known only here.
    pub(super) fn close<T>(self, served: Result<T, LinkFault>) -> Result<T, LinkFault> {
        for notification in self.blocked.try_iter() {
            self.is_blocked
                .set(matches!(notification, ConnectionBlockedNotification::Blocked(_)));
        }
        // A server that blocks publishers would not read our farewell either.
        if served.is_err() || self.is_blocked.get() {
            // Fails when the socket is closed already.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
        let _answered = cut_when_late(self.socket);
        drop(self.channel);
        let closed = self.connection.close();
        match (served, closed) {
            (Err(LinkFault::Lost), Err(source)) => Err(LinkFault::refused("keeping the connection")(source)),
            (served, _) => served,
        }
    }
}

/// Cuts the connection unless the answer is dropped in time.
fn cut_when_late(socket: TcpStream) -> Sender<()> {
    let (answer, answered) = bounded::<()>(0);
    let watch = thread::Builder::new().name("rabbitmq-farewell".to_owned());
    // Where no thread can be had, the farewell waits as long as the server lets it.
    let _ = watch.spawn(move || {
        if answered.recv_timeout(FAREWELL_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    });
    answer
}

/// Tries every address of the host.
fn connect(address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    let resolved = (address.host.as_str(), address.port).to_socket_addrs()?;
    for address in resolved {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connection_that_lasted_ends_a_row_of_failures() {
        let mut streak = Streak::default();
        let mut failures = |reached| {
            streak.failed(reached, false);
            streak.failures
        };
        assert_eq!(failures(Reached::Nothing), 1);
        assert_eq!(failures(Reached::Nothing), 2);
        let now = Instant::now();
        assert_eq!(failures(Reached::Service(now)), 3, "it was up for a moment only");
        assert_eq!(failures(Reached::Server), 4, "it was of no use");
        assert_eq!(failures(Reached::Service(now - STEADY_AFTER)), 1);
    }

    #[test]
    fn a_server_that_is_back_and_does_not_serve_is_news() {
        let mut streak = Streak::default();
        let unserved = [false, false, true, true, false, true];
        let news = unserved.map(|unserved| streak.failed(Reached::Nothing, unserved));
        assert_eq!(news, [true, false, true, false, false, true]);
    }
}
