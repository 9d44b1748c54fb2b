//! An address that leads to one server now and to another later, as a service's name does after a failover.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Accepts connections on a port of its own until it is dropped.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    target: Arc<watch::Sender<u16>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Forward {
    /// Leads to that port of this machine.
    pub async fn to(port: u16) -> Forward {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let target = Arc::new(watch::Sender::new(port));
        let targets = target.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                tokio::spawn(join(client, targets.subscribe()));
            }
        });
        Forward {
            address,
            target,
            accepting,
        }
    }

    /// Leads there from now on; what led elsewhere is cut.
    pub fn switch(&self, port: u16) {
        self.target.send_replace(port);
    }

    /// The URL with this address instead of the server's.
    pub fn url(&self, url: &str) -> String {
        let (user, rest) = url.rsplit_once('@').expect("a user");
        let (_, database) = rest.split_once('/').expect("a database");
        format!("{user}@{}/{database}", self.address)
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn join(mut client: TcpStream, mut target: watch::Receiver<u16>) {
    let port = *target.borrow_and_update();
    // Where nobody listens the client is cut off, as it would be there.
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = target.changed() => {}
    }
}
