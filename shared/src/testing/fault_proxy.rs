//! A TCP proxy between a client and a server, by which a test breaks what lies between them.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// Bytes that are forwarded at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// Forwards connections as its verbs say. Runs on a thread of its own, so that tests with and without a runtime
/// use it alike; dropping it cuts everything.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepted: Arc<AtomicU64>,
    open: Arc<()>,
    /// Ends the thread when it is dropped.
    _life: oneshot::Sender<()>,
}

/// The bytes that a half-open connection loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vanishing {
    /// What the client sends.
    ToServer,
    /// What the server answers.
    ToClient,
    /// Both.
    BothWays,
}

/// What happens to connections now.
#[derive(Clone, Copy, Debug)]
struct Weather {
    /// Rises with each cut: a connection that was made in an earlier age ends.
    age: u64,
    refusing: bool,
    vanishing: Option<Vanishing>,
    delay: Duration,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

impl FaultProxy {
    /// In front of `target`, on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), target)
    }

    /// In front of `target`, on this address: where a server tells its clients at which address to find it.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn start_at(listen: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let listener = StdListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather {
            age: 0,
            refusing: false,
            vanishing: None,
            delay: Duration::ZERO,
        });
        let accepted = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&accepted);
        let open = Arc::new(());
        let counting = Arc::clone(&open);
        let (life, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, target, &seen, &counted, &counting) => {}
                        _ = ended => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            weather,
            accepted,
            open,
            _life: life,
        })
    }

    /// Where a client finds it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have come so far, those refused included.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many connections both sides hold open.
    #[must_use]
    pub fn open(&self) -> usize {
        // This handle's and the thread's do not count.
        Arc::strong_count(&self.open).saturating_sub(2)
    }

    /// Ends every connection; new ones are forwarded.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.age += 1);
    }

    /// Ends each new connection at once; those that are open stay.
    pub fn refuse(&self) {
        self.weather.send_modify(|weather| weather.refusing = true);
    }

    /// Both: nobody gets through, and everybody knows at once.
    pub fn shut(&self) {
        self.weather.send_modify(|weather| {
            weather.age += 1;
            weather.refusing = true;
        });
    }

    /// Loses bytes silently while all sockets stay open, those of connections that are made meanwhile as well. A
    /// connection that has lost bytes of a direction loses all that follow, also after [`heal`](Self::heal): a
    /// stream with a hole would be another fault.
    pub fn go_half_open(&self, vanishing: Vanishing) {
        self.weather
            .send_modify(|weather| weather.vanishing = Some(vanishing));
    }

    /// Holds each piece back for this long, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// From now on new connections are forwarded whole and at once. What was cut or has lost bytes stays so.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.refusing = false;
            weather.vanishing = None;
            weather.delay = Duration::ZERO;
        });
    }
}

impl Weather {
    fn loses(self, direction: Direction) -> bool {
        match (self.vanishing, direction) {
            (None, _)
            | (Some(Vanishing::ToServer), Direction::ToClient)
            | (Some(Vanishing::ToClient), Direction::ToServer) => false,
            (Some(Vanishing::BothWays), _)
            | (Some(Vanishing::ToServer), Direction::ToServer)
            | (Some(Vanishing::ToClient), Direction::ToClient) => true,
        }
    }
}

async fn accept(
    listener: StdListener,
    target: SocketAddr,
    weather: &watch::Receiver<Weather>,
    accepted: &AtomicU64,
    open: &Arc<()>,
) {
    let listener = TcpListener::from_std(listener).expect("it was made non-blocking");
    loop {
        let (client, _) = listener.accept().await.expect("it listens");
        accepted.fetch_add(1, Ordering::Relaxed);
        if !weather.borrow().refusing {
            let (weather, open) = (weather.clone(), Arc::clone(open));
            tokio::spawn(async move {
                forward(client, target, weather).await;
                drop(open);
            });
        }
    }
}

/// One connection, until both sides have ended it or it is cut.
async fn forward(mut client: TcpStream, target: SocketAddr, weather: watch::Receiver<Weather>) {
    let mut cut = weather.clone();
    let age = weather.borrow().age;
    // A server that is away ends the client's connection as well.
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // The delay is the proxy's verb, never the kernel's.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        _ = async {
            tokio::join!(
                pump(from_client, to_server, Direction::ToServer, &weather),
                pump(from_server, to_client, Direction::ToClient, &weather),
            )
        } => {}
        // An error says that the proxy is dropped.
        _ = cut.wait_for(|weather| weather.age != age) => {}
    }
}

/// One direction, to its end. What is lost is read all the same: the sender must not notice.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    weather: &watch::Receiver<Weather>,
) {
    let mut piece = vec![0; PIECE_BYTES];
    let mut has_lost = false;
    loop {
        let read = from.read(&mut piece).await.unwrap_or(0);
        let now = *weather.borrow();
        has_lost |= now.loses(direction);
        if has_lost {
            if read == 0 {
                return;
            }
            continue;
        }
        if !now.delay.is_zero() {
            sleep(now.delay).await;
        }
        let passed_on = if read == 0 {
            to.shutdown().await
        } else {
            to.write_all(&piece[..read]).await
        };
        if read == 0 || passed_on.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::wait::within;

    const BOUND: Duration = Duration::from_secs(30);
    const QUIET: Duration = Duration::from_millis(200);

    /// A server that sends back what it gets, behind a proxy.
    async fn echo() -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = socket.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        FaultProxy::start(target).unwrap()
    }

    async fn client(proxy: &FaultProxy) -> TcpStream {
        TcpStream::connect(proxy.address()).await.unwrap()
    }

    /// What comes back of one byte; 0 bytes are the end of the connection.
    async fn said(client: &mut TcpStream) -> io::Result<usize> {
        client.write_all(b"x").await?;
        within("an answer", BOUND, client.read(&mut [0; 8])).await
    }

    fn is_ended(said: &io::Result<usize>) -> bool {
        matches!(said, Ok(0) | Err(_))
    }

    #[tokio::test]
    async fn a_cut_ends_what_is_open_and_lets_new_connections_through() {
        let proxy = echo().await;
        let mut old = client(&proxy).await;
        assert_eq!(said(&mut old).await.unwrap(), 1);
        proxy.cut();
        assert!(is_ended(&said(&mut old).await));
        assert_eq!(said(&mut client(&proxy).await).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_refusal_ends_new_connections_until_it_heals() {
        let proxy = echo().await;
        let mut old = client(&proxy).await;
        assert_eq!(said(&mut old).await.unwrap(), 1);
        proxy.refuse();
        assert!(is_ended(&said(&mut client(&proxy).await).await));
        assert_eq!(said(&mut old).await.unwrap(), 1, "what is open stays");
        proxy.shut();
        assert!(is_ended(&said(&mut old).await));
        proxy.heal();
        assert_eq!(said(&mut client(&proxy).await).await.unwrap(), 1);
        assert_eq!(proxy.accepted(), 3);
    }

    #[tokio::test]
    async fn half_open_connections_lose_bytes_silently_and_for_ever() {
        for vanishing in [Vanishing::ToServer, Vanishing::ToClient, Vanishing::BothWays] {
            let proxy = echo().await;
            let mut lossy = client(&proxy).await;
            assert_eq!(said(&mut lossy).await.unwrap(), 1);
            proxy.go_half_open(vanishing);
            for _ in 0..2 {
                lossy.write_all(b"lost").await.unwrap();
                let answer = tokio::time::timeout(QUIET, lossy.read(&mut [0; 8])).await;
                assert!(answer.is_err(), "{vanishing:?}: {answer:?}");
                proxy.heal();
            }
            assert_eq!(said(&mut client(&proxy).await).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_delay_holds_back_and_loses_nothing() {
        let proxy = echo().await;
        proxy.delay(Duration::from_millis(50));
        let mut slow = client(&proxy).await;
        let started = tokio::time::Instant::now();
        assert_eq!(said(&mut slow).await.unwrap(), 1);
        assert!(started.elapsed() >= Duration::from_millis(100), "there and back");
    }
}
