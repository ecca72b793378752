//! A proxy in front of a server, whose connections a test can cut.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections while it is open.
pub(super) struct Proxy {
    pub(super) port: u16,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub(super) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let open = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&open);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("it listens");
                // A connection made while the proxy is closed ends at once.
                if *state.borrow() {
                    tokio::spawn(forward(client, target.clone(), state.subscribe()));
                }
            }
        });
        Self { port, open }
    }

    /// Cuts all connections, and each that is made from now on.
    pub(super) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn forward(mut client: TcpStream, target: String, mut open: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(target).await.expect("the server listens");
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
