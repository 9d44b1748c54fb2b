//! As much of the two wire protocols as tells where a client's message ends, what it says, and where the
//! server's answer to it ends. (PostgreSQL: "Frontend/Backend Protocol", message formats; MySQL: "Client/Server
//! Protocol", command phase.)

use std::collections::VecDeque;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Postgres,
    Mysql,
}

/// What the client says at one go: the server answers it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub bytes: Vec<u8>,
    /// The SQL, or a word for what has none.
    pub text: String,
    pub answer: Answer,
}

/// What the server will say to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The messages before the first command: connecting.
    Setup,
    /// A result, or a chain of them.
    Results,
    /// MySQL: an OK, then the descriptions of parameters and columns.
    Prepared,
    /// Nothing.
    None,
}

/// The text of a client's farewell.
pub const QUIT: &str = "quit";

/// The client's side of a connection.
#[derive(Debug)]
pub struct Client {
    protocol: Protocol,
    buffer: Vec<u8>,
    /// PostgreSQL: frames of the extended protocol since the last `Sync`.
    batch: (Vec<u8>, Vec<String>),
    /// Commands come only after the client has introduced itself.
    pub is_ready: bool,
    /// MySQL: the capabilities that client and server agreed on.
    pub capabilities: u32,
}

impl Client {
    pub fn new(protocol: Protocol) -> Client {
        Client {
            protocol,
            buffer: Vec::new(),
            batch: Default::default(),
            is_ready: false,
            capabilities: 0,
        }
    }

    pub fn take_in(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it is there.
    pub fn next_message(&mut self) -> Option<Message> {
        match self.protocol {
            Protocol::Postgres => self.next_postgres(),
            Protocol::Mysql => self.next_mysql(),
        }
    }

    fn next_postgres(&mut self) -> Option<Message> {
        if !self.is_ready {
            // Start-up frames have no type; those of authentication have.
            let offset = usize::from(self.buffer.first().is_some_and(u8::is_ascii_alphabetic));
            let length = 4.max(postgres_length(self.buffer.get(offset..)?)?);
            return Some(setup(take(&mut self.buffer, offset + length)?));
        }
        loop {
            let length = postgres_length(self.buffer.get(1..)?)?;
            let frame = take(&mut self.buffer, 1 + length)?;
            let (kind, body) = (frame[0], &frame[5..]);
            let text = match kind {
                b'Q' => until_nul(body),
                // The statement's name goes before its text.
                b'P' => {
                    let name = body.iter().position(|byte| *byte == 0).unwrap_or(0);
                    until_nul(&body[name + 1..])
                }
                b'X' => QUIT.to_owned(),
                b'S' => "sync".to_owned(),
                _ => String::new(),
            };
            self.batch.0.extend(&frame);
            if !text.is_empty() {
                self.batch.1.push(text);
            }
            let answer = match kind {
                b'Q' | b'S' => Answer::Results,
                b'X' | b'H' => Answer::None,
                _ => continue,
            };
            let (bytes, texts) = std::mem::take(&mut self.batch);
            return Some(Message {
                bytes,
                text: texts.join(" "),
                answer,
            });
        }
    }

    fn next_mysql(&mut self) -> Option<Message> {
        let length = mysql_length(&self.buffer)?;
        let packet = take(&mut self.buffer, 4 + length)?;
        assert!(length < 0xff_ffff, "a packet in parts: not needed so far");
        if !self.is_ready {
            if self.capabilities == 0 {
                let flags = packet
                    .get(4..8)
                    .map(|bytes| bytes.try_into().expect("four"));
                self.capabilities = u32::from_le_bytes(flags.unwrap_or_default());
            }
            return Some(setup(packet));
        }
        let (command, body) = (
            packet.get(4).copied().unwrap_or_default(),
            &packet[5.min(packet.len())..],
        );
        let (text, answer) = match command {
            0x03 => (String::from_utf8_lossy(body).into_owned(), Answer::Results),
            0x16 => (String::from_utf8_lossy(body).into_owned(), Answer::Prepared),
            0x17 => ("execute".to_owned(), Answer::Results),
            0x19 => ("close".to_owned(), Answer::None),
            0x01 => (QUIT.to_owned(), Answer::None),
            0x0e => ("ping".to_owned(), Answer::Results),
            other => (format!("command {other:#x}"), Answer::Results),
        };
        Some(Message {
            bytes: packet,
            text,
            answer,
        })
    }
}

fn setup(bytes: Vec<u8>) -> Message {
    Message {
        bytes,
        text: String::new(),
        answer: Answer::Setup,
    }
}

/// The server's side of a connection: it is fed every byte, and knows whether something is still to come.
#[derive(Debug)]
pub struct Server {
    protocol: Protocol,
    buffer: Vec<u8>,
    /// What is still to be answered, and how far the first of it is.
    open: VecDeque<(Answer, Stage)>,
    pub is_ready: bool,
    /// The server's own number for this connection.
    pub session: Option<u32>,
    pub deprecates_eof: bool,
}

/// Where in a MySQL answer the next packet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    First,
    /// So many descriptions of columns or parameters, then perhaps an EOF for each group.
    Columns(u64),
    EndOfColumns,
    Rows,
    Described {
        packets: u64,
    },
}

impl Server {
    pub fn new(protocol: Protocol) -> Server {
        Server {
            protocol,
            buffer: Vec::new(),
            open: VecDeque::new(),
            is_ready: false,
            session: None,
            deprecates_eof: false,
        }
    }

    pub fn expect(&mut self, answer: Answer) {
        if matches!(answer, Answer::Results | Answer::Prepared) {
            self.open.push_back((answer, Stage::First));
        }
    }

    /// Whether every message has been answered.
    pub fn is_quiet(&self) -> bool {
        self.open.is_empty()
    }

    pub fn take_in(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(frame) = self.next_frame() {
            match self.protocol {
                Protocol::Postgres => self.read_postgres(&frame),
                Protocol::Mysql => self.read_mysql(&frame[4..]),
            }
        }
    }

    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let length = match self.protocol {
            Protocol::Postgres => 1 + postgres_length(self.buffer.get(1..)?)?,
            Protocol::Mysql => 4 + mysql_length(&self.buffer)?,
        };
        take(&mut self.buffer, length)
    }

    fn read_postgres(&mut self, frame: &[u8]) {
        match frame[0] {
            b'K' => self.session = Some(u32::from_be_bytes(frame[5..9].try_into().expect("four"))),
            b'Z' if !self.is_ready => self.is_ready = true,
            b'Z' => {
                self.open.pop_front();
            }
            _ => {}
        }
    }

    fn read_mysql(&mut self, packet: &[u8]) {
        if self.session.is_none() {
            let number = packet.iter().position(|byte| *byte == 0).unwrap_or(0) + 1;
            let bytes = packet.get(number..number + 4).expect("a greeting");
            self.session = Some(u32::from_le_bytes(bytes.try_into().expect("four")));
            return;
        }
        let first = packet.first().copied().unwrap_or_default();
        if !self.is_ready {
            // An OK ends the hand-shake; an error ends the connection.
            self.is_ready = first == 0;
            return;
        }
        let Some((answer, stage)) = self.open.front().copied() else {
            return;
        };
        let is_end = first == 0xfe && packet.len() < 0xff_ffff;
        let next = match (answer, stage) {
            (_, Stage::First) if first == 0xff => None,
            (Answer::Prepared, Stage::First) => {
                let count = |at: usize| u64::from(u16::from_le_bytes([packet[at], packet[at + 1]]));
                let groups = [count(5), count(7)];
                let ends = groups
                    .iter()
                    .filter(|group| **group > 0 && !self.deprecates_eof)
                    .count();
                Some(Stage::Described {
                    packets: groups.iter().sum::<u64>() + ends as u64,
                })
                .filter(|stage| *stage != Stage::Described { packets: 0 })
            }
            (_, Stage::Described { packets }) => (packets > 1).then(|| Stage::Described {
                packets: packets - 1,
            }),
            (_, Stage::First) if first == 0 => after_result(status_of_ok(packet)),
            (_, Stage::First) => Some(Stage::Columns(lenenc(packet).0)),
            (_, Stage::Columns(1)) if self.deprecates_eof => Some(Stage::Rows),
            (_, Stage::Columns(1)) => Some(Stage::EndOfColumns),
            (_, Stage::Columns(more)) => Some(Stage::Columns(more - 1)),
            (_, Stage::EndOfColumns) => Some(Stage::Rows),
            (_, Stage::Rows) if first == 0xff => None,
            (_, Stage::Rows) if is_end && self.deprecates_eof => after_result(status_of_ok(packet)),
            (_, Stage::Rows) if is_end && packet.len() < 9 => {
                after_result(u16::from_le_bytes([packet[3], packet[4]]))
            }
            (_, Stage::Rows) => Some(Stage::Rows),
        };
        match next {
            Some(stage) => self.open[0].1 = stage,
            None => {
                self.open.pop_front();
            }
        }
    }
}

/// Another result follows where the status says so.
fn after_result(status: u16) -> Option<Stage> {
    const MORE_RESULTS: u16 = 0x0008;
    (status & MORE_RESULTS != 0).then_some(Stage::First)
}

fn status_of_ok(packet: &[u8]) -> u16 {
    let (_, affected) = lenenc(&packet[1..]);
    let (_, id) = lenenc(&packet[1 + affected..]);
    let at = 1 + affected + id;
    u16::from_le_bytes([packet[at], packet[at + 1]])
}

/// A length-encoded integer, and how many bytes it takes.
fn lenenc(bytes: &[u8]) -> (u64, usize) {
    let length = match bytes[0] {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        small => return (u64::from(small), 1),
    };
    let mut value = [0; 8];
    value[..length].copy_from_slice(&bytes[1..=length]);
    (u64::from_le_bytes(value), 1 + length)
}

fn postgres_length(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

fn mysql_length(bytes: &[u8]) -> Option<usize> {
    bytes.get(3)?;
    Some(usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16)
}

fn take(buffer: &mut Vec<u8>, length: usize) -> Option<Vec<u8>> {
    (buffer.len() >= length).then(|| buffer.drain(..length).collect())
}

fn until_nul(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
