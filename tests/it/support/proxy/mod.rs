//! A TCP proxy between a migrator and its server that breaks the connection at a message of the test's choice.
//!
//! It counts the messages of the migrator's own connections, from 1, in the order in which they come; those of
//! the heartbeat are counted apart, those of a connection on which limbeck has said nothing yet too, and what a
//! driver says to introduce itself is not counted. The markers at the beginning of limbeck's messages tell them
//! apart.

mod wire;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use wire::{Answer, Client, Message, Protocol, QUIT, Server};

/// Whose connection a message came on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Run,
    Heartbeat,
    /// Nobody's yet.
    Driver,
}

/// A message that came by.
#[derive(Debug, Clone)]
pub struct Seen {
    pub role: Role,
    /// Counted from 1 for each role.
    pub number: usize,
    pub text: String,
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// In order: FIN.
    Fin,
    /// At once: RST.
    Rst,
}

/// What is done to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The server never gets it.
    CutBefore(Close),
    /// The server gets it, and nobody waits for the answer.
    CutAtOnce(Close),
    /// The server has answered it, and the client never learns that.
    CutAfter(Close),
    /// The client gets half of the answer.
    CutInAnswer(Close),
    /// It is late by so much.
    Stall(Duration),
    /// It waits for the test. The client has written it.
    Hold,
    /// The server has answered it, and the answer waits for the test.
    HoldAnswer,
}

/// What is done, and to which message.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub role: Role,
    pub number: usize,
    pub harm: Harm,
    /// Nobody connects any more after a cut.
    pub then_refuse: bool,
}

impl Fault {
    pub fn at(number: usize, harm: Harm) -> Fault {
        Fault {
            role: Role::Run,
            number,
            harm,
            then_refuse: false,
        }
    }
}

/// A message that waits. Dropped: as if [`Held::discard`] had been said.
#[derive(Debug)]
pub struct Held {
    pub message: Seen,
    go_on: oneshot::Sender<()>,
}

impl Held {
    /// Lets the message go to the server, or the answer to the client.
    pub fn release(self) {
        // A connection that has ended has nothing to wait for.
        let _ = self.go_on.send(());
    }

    /// It is lost, and the connection with it.
    pub fn discard(self) {}
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    fault: Mutex<Option<Fault>>,
    /// The server's numbers of the sessions that were opened through this proxy.
    sessions: Mutex<Vec<u32>>,
    is_refusing: AtomicBool,
    is_hit: AtomicBool,
    /// How much later each way is.
    delay_ms: AtomicUsize,
}

/// The proxy. It ends with the value, and so do the connections through it.
#[derive(Debug)]
pub struct Proxy {
    /// The server's URL by way of the proxy.
    pub url: String,
    shared: Arc<Shared>,
    held: mpsc::UnboundedReceiver<Held>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// A proxy in front of the server of this URL, which names host and port.
    pub async fn start(url: &str, fault: Option<Fault>) -> Proxy {
        // What is encrypted cannot be read here.
        let (protocol, plain) = if url.starts_with("postgres") {
            (Protocol::Postgres, "?sslmode=disable")
        } else {
            (Protocol::Mysql, "?ssl-mode=DISABLED")
        };
        let after_user = url
            .find('@')
            .map_or_else(|| url.find("//").expect("a URL") + 2, |at| at + 1);
        let end = url[after_user..].find('/').expect("a URL with a database") + after_user;
        let upstream = url[after_user..end].to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = format!("{}{address}{}{plain}", &url[..after_user], &url[end..]);
        let shared = Arc::new(Shared {
            fault: Mutex::new(fault),
            ..Shared::default()
        });
        let (holder, held) = mpsc::unbounded_channel();
        let for_task = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if for_task.is_refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let (shared, holder, upstream) =
                    (for_task.clone(), holder.clone(), upstream.clone());
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(&upstream).await else {
                        return;
                    };
                    let connection = Connection::new(protocol, client, server, shared, holder);
                    // However it ends, both sides notice.
                    let _ = connection.run().await;
                });
            }
        });
        Proxy {
            url,
            shared,
            held,
            task,
        }
    }

    /// Each way takes so much longer.
    pub fn delay(&self, each_way: Duration) {
        let ms = usize::try_from(each_way.as_millis()).expect("a short delay");
        self.shared.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Waits for the message that the fault holds; none: the connection ended without it.
    pub async fn held(&mut self) -> Option<Held> {
        self.held.recv().await
    }

    /// Every message so far, in its order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("the list").clone()
    }

    /// The texts of the run's own messages.
    pub fn run_messages(&self) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.role == Role::Run)
            .map(|seen| seen.text)
            .collect()
    }

    /// The texts of all messages but the pool's pings: each is a round trip.
    pub fn round_trips(&self) -> Vec<String> {
        let seen = self.seen().into_iter().map(|seen| seen.text);
        seen.filter(|text| text != "ping" && text != "sync")
            .collect()
    }

    /// Whether the fault's message came.
    pub fn is_hit(&self) -> bool {
        self.shared.is_hit.load(Ordering::SeqCst)
    }

    /// The server's numbers of the sessions that were opened through this proxy.
    pub fn sessions(&self) -> Vec<u32> {
        self.shared.sessions.lock().expect("the list").clone()
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    from_client: Client,
    from_server: Server,
    role: Option<Role>,
    shared: Arc<Shared>,
    holder: mpsc::UnboundedSender<Held>,
}

/// Whether a connection goes on.
enum Flow {
    On,
    Closed,
}

impl Connection {
    fn new(
        protocol: Protocol,
        client: TcpStream,
        server: TcpStream,
        shared: Arc<Shared>,
        holder: mpsc::UnboundedSender<Held>,
    ) -> Connection {
        for socket in [&client, &server] {
            socket.set_nodelay(true).expect("TCP_NODELAY");
        }
        Connection {
            client,
            server,
            from_client: Client::new(protocol),
            from_server: Server::new(protocol),
            role: None,
            shared,
            holder,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        loop {
            while let Some(message) = self.from_client.next_message() {
                if let Flow::Closed = self.pass(message).await? {
                    return Ok(());
                }
            }
            let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
            tokio::select! {
                read = self.client.read(&mut up) => match read {
                    Ok(count) if count > 0 => self.from_client.take_in(&up[..count]),
                    // The client is gone. Its last message is the server's, all the same.
                    _ => return self.drain().await,
                },
                read = self.server.read(&mut down) => {
                    let count = read?;
                    if count == 0 {
                        return Ok(());
                    }
                    self.note(&down[..count]);
                    self.delay().await;
                    if self.client.write_all(&down[..count]).await.is_err() {
                        return self.drain().await;
                    }
                }
            }
        }
    }

    /// Reads along with what the server says.
    fn note(&mut self, bytes: &[u8]) {
        const DEPRECATE_EOF: u32 = 1 << 24;
        self.from_server.deprecates_eof = self.from_client.capabilities & DEPRECATE_EOF != 0;
        let was_known = self.from_server.session.is_some();
        self.from_server.take_in(bytes);
        self.from_client.is_ready = self.from_server.is_ready;
        if let Some(session) = self.from_server.session.filter(|_| !was_known) {
            self.shared.sessions.lock().expect("the list").push(session);
        }
    }

    async fn delay(&self) {
        let ms = self.shared.delay_ms.load(Ordering::SeqCst);
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        }
    }

    /// Counts a message, and passes it on unless it is the one that the fault is for.
    async fn pass(&mut self, message: Message) -> io::Result<Flow> {
        let seen = self.count(&message);
        let fault = seen.as_ref().and_then(|seen| self.take_fault(seen));
        let Some((fault, seen)) = fault.zip(seen) else {
            self.delay().await;
            self.forward(&message).await?;
            return Ok(Flow::On);
        };
        if fault.then_refuse {
            self.shared.is_refusing.store(true, Ordering::SeqCst);
        }
        self.shared.is_hit.store(true, Ordering::SeqCst);
        match fault.harm {
            Harm::CutBefore(how) => self.close(how).await,
            Harm::CutAtOnce(how) => {
                self.forward(&message).await?;
                self.close(how).await
            }
            Harm::CutAfter(how) => {
                self.forward(&message).await?;
                let _ = self.answer().await?;
                self.close(how).await
            }
            Harm::CutInAnswer(how) => {
                self.forward(&message).await?;
                let answer = self.answer().await?;
                self.client.write_all(&answer[..answer.len() / 2]).await?;
                self.close(how).await
            }
            Harm::Stall(time) => {
                tokio::time::sleep(time).await;
                self.forward(&message).await?;
                Ok(Flow::On)
            }
            Harm::Hold => {
                if !self.hold(seen).await {
                    return Ok(Flow::Closed);
                }
                self.forward(&message).await?;
                Ok(Flow::On)
            }
            Harm::HoldAnswer => {
                self.forward(&message).await?;
                let answer = self.answer().await?;
                if !self.hold_for_client(seen).await {
                    return Ok(Flow::Closed);
                }
                self.client.write_all(&answer).await?;
                Ok(Flow::On)
            }
        }
    }

    /// What a message is called and numbered; none while the driver connects, nor for its farewell, which may
    /// come when the run has long ended.
    fn count(&mut self, message: &Message) -> Option<Seen> {
        if message.answer == Answer::Setup || message.text == QUIT {
            return None;
        }
        let text = &message.text;
        if text.contains("/* limbeck heartbeat") {
            self.role = Some(Role::Heartbeat);
        } else if text.contains("/* limbeck run=") {
            self.role = Some(Role::Run);
        }
        let role = self.role.unwrap_or(Role::Driver);
        let mut list = self.shared.seen.lock().expect("the list");
        let number = list.iter().filter(|seen| seen.role == role).count() + 1;
        let seen = Seen {
            role,
            number,
            text: text.clone(),
        };
        list.push(seen.clone());
        Some(seen)
    }

    /// A fault happens once.
    fn take_fault(&self, seen: &Seen) -> Option<Fault> {
        let mut fault = self.shared.fault.lock().expect("the fault");
        fault.take_if(|fault| fault.role == seen.role && fault.number == seen.number)
    }

    async fn forward(&mut self, message: &Message) -> io::Result<()> {
        self.from_server.expect(message.answer);
        self.server.write_all(&message.bytes).await
    }

    /// The whole answer to what was forwarded; what there is of it where the server hangs up.
    async fn answer(&mut self) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while !self.from_server.is_quiet() {
            let count = self.server.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            self.note(&buffer[..count]);
            answer.extend_from_slice(&buffer[..count]);
        }
        Ok(answer)
    }

    /// Tells the test, and waits for its word. False: the connection is to end.
    async fn hold(&self, message: Seen) -> bool {
        let (go_on, word) = oneshot::channel();
        let _ = self.holder.send(Held { message, go_on });
        word.await.is_ok()
    }

    /// The same, unless the client goes before.
    async fn hold_for_client(&self, message: Seen) -> bool {
        let mut next = [0];
        tokio::select! {
            is_released = self.hold(message) => is_released,
            // A farewell, or a FIN: nothing else comes before the answer.
            _ = self.client.peek(&mut next) => false,
        }
    }

    async fn close(&mut self, how: Close) -> io::Result<Flow> {
        match how {
            Close::Rst => {
                self.client.set_zero_linger()?;
                self.server.set_zero_linger()?;
            }
            Close::Fin => {
                self.client.shutdown().await?;
                self.server.shutdown().await?;
            }
        }
        Ok(Flow::Closed)
    }

    /// A client that died has sent a FIN, behind which the server reads its last message to the end.
    async fn drain(&mut self) -> io::Result<()> {
        self.server.shutdown().await?;
        let mut buffer = [0; 16 * 1024];
        while self.server.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}
