//! A TCP proxy that delays what passes and counts round trips.
//!
//! The delay is a line, not a pause: each chunk leaves so long after it came, whatever came behind it. So a
//! client that sends ahead of the answers keeps what it gains by that.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Runs until the process ends.
pub struct Proxy {
    port: u16,
    round_trips: Arc<AtomicU64>,
}

impl Proxy {
    /// In front of a server of this machine, with the delay in each direction.
    pub fn start(server: u16, delay: Duration) -> Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the proxy")?;
        let port = listener.local_addr()?.port();
        let round_trips = Arc::new(AtomicU64::new(0));
        let counter = round_trips.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is gone: the client sees its connection close.
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) {
                    _ = carry(client, server, delay, counter.clone());
                }
            }
        });
        Ok(Proxy { port, round_trips })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often the server has answered: the times that it sent something after the client had. What a client
    /// sends without an answer, a farewell, is none.
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(SeqCst)
    }
}

fn carry(
    client: TcpStream,
    server: TcpStream,
    delay: Duration,
    round_trips: Arc<AtomicU64>,
) -> Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let asked = Arc::new(AtomicBool::new(false));
    let asks = asked.clone();
    pipe(client.try_clone()?, server.try_clone()?, delay, move || {
        asks.store(true, SeqCst);
    });
    // Counted before the answer goes on its way: who has it has been counted.
    pipe(server, client, delay, move || {
        if asked.swap(false, SeqCst) {
            round_trips.fetch_add(1, SeqCst);
        }
    });
    Ok(())
}

fn pipe(mut from: TcpStream, mut to: TcpStream, delay: Duration, seen: impl Fn() + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + delay;
            seen();
            if sender.send((due, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        _ = to.shutdown(Shutdown::Write);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with two, in two chunks.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.set_nodelay(true).expect("a socket");
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() {
                for _ in 0..2 {
                    stream.write_all(&byte).expect("a client that reads");
                }
            }
        });
        port
    }

    fn ask(stream: &mut TcpStream, bytes: &[u8]) {
        stream.write_all(bytes).expect("the proxy reads");
        let mut answer = vec![0; bytes.len() * 2];
        stream.read_exact(&mut answer).expect("an answer");
    }

    #[test]
    fn a_question_and_its_answer_are_one_round_trip_however_many_chunks_they_are() {
        let proxy = Proxy::start(echo(), Duration::ZERO).expect("a proxy");
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("the proxy");
        assert_eq!(proxy.round_trips(), 0);
        ask(&mut stream, b"a");
        assert_eq!(proxy.round_trips(), 1);
        ask(&mut stream, b"bcd");
        assert_eq!(proxy.round_trips(), 2);
    }

    #[test]
    fn the_delay_is_a_line() {
        let delay = Duration::from_millis(50);
        let proxy = Proxy::start(echo(), delay).expect("a proxy");
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).expect("the proxy");
        let began = Instant::now();
        for _ in 0..10 {
            stream.write_all(b"x").expect("the proxy reads");
            thread::sleep(Duration::from_millis(1));
        }
        let mut answers = [0; 20];
        stream.read_exact(&mut answers).expect("the answers");
        let passed = began.elapsed();
        assert!(passed >= 2 * delay, "{passed:?}");
        // Ten that waited for each other would take ten times as long.
        assert!(passed < 10 * delay, "{passed:?}");
    }
}
