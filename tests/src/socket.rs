//! The same clients over real sockets: blocking streams with a deadline, never a sleep.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::wire::{Packet, Version, decode, frame_len};
use crate::world::{Client, Received, World};

/// How long a client waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP, IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix domain socket.
    Unix(PathBuf),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn open(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, DEADLINE)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(DEADLINE))?;
                Self::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(DEADLINE))?;
                Self::Unix(stream)
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> io::Result<usize> {
        let within = Some(within.max(Duration::from_millis(1)));
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(within).and_then(|()| stream.read(buffer)),
            Self::Unix(stream) => stream.set_read_timeout(within).and_then(|()| stream.read(buffer)),
        }
    }

    fn shutdown(&self) {
        // That it is closed already is what was wanted.
        let _closed = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }

    /// Closes so that the peer sees a reset; a Unix socket has none and just closes.
    fn reset(self) {
        if let Self::Tcp(stream) = &self {
            let abort = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
            abort.expect("SO_LINGER can be set");
        }
    }
}

struct Connection {
    stream: Option<Stream>,
    version: Version,
    buffer: Vec<u8>,
    /// Decoded and put back, the next one last.
    unread: Vec<Packet>,
    eof: bool,
}

/// A broker behind an address, and its clients.
pub struct Sockets {
    address: Address,
    connections: Vec<Connection>,
    /// Kept until the clients are gone: a running server, or a directory.
    _keep: Box<dyn std::any::Any>,
}

impl Sockets {
    /// Clients of whatever listens there; `keep` lives as long as they do.
    pub fn new(address: Address, keep: impl std::any::Any) -> Self {
        Self { address, connections: Vec::new(), _keep: Box::new(keep) }
    }

    /// Opens a connection, or says why not.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn try_open(&mut self) -> io::Result<Client> {
        let stream = Stream::open(&self.address)?;
        self.connections.push(Connection {
            stream: Some(stream),
            version: Version::V311,
            buffer: Vec::new(),
            unread: Vec::new(),
            eof: false,
        });
        Ok(Client(self.connections.len() - 1))
    }
}

impl Connection {
    /// Reads until a packet is whole, the stream ends or the deadline is over.
    fn read(&mut self, deadline: Instant) -> Result<Received, String> {
        loop {
            if let Some(len) = frame_len(&self.buffer)? {
                let frame: Vec<u8> = self.buffer.drain(..len).collect();
                let packet = decode(&frame, self.version);
                return packet.map(Received::Packet).map_err(|error| format!("{frame:02X?}: {error}"));
            }
            if self.eof {
                // As every client does: the broker waits for it.
                self.stream = None;
                return match self.buffer.len() {
                    0 => Ok(Received::Closed),
                    _ => Err(format!("closed in a packet: {:02X?}", self.buffer)),
                };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(stream) = self.stream.as_mut() else {
                self.eof = true;
                continue;
            };
            if left.is_zero() {
                return Ok(Received::Nothing);
            }
            let mut chunk = [0; 64 * 1024];
            match stream.read(&mut chunk, left) {
                Ok(0) => self.eof = true,
                Ok(count) => self.buffer.extend(&chunk[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.eof = true,
            }
        }
    }
}

impl World for Sockets {
    fn open(&mut self) -> Client {
        self.try_open().unwrap_or_else(|error| panic!("cannot connect to {:?}: {error}", self.address))
    }

    fn write(&mut self, client: Client, bytes: &[u8]) {
        if let Some(stream) = &mut self.connections[client.0].stream {
            match stream.write_all(bytes) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    panic!("{client:?} cannot write: the broker does not read")
                }
                // Closed by the broker: the test sees that when it reads.
                Err(_) => {}
            }
        }
    }

    fn read(&mut self, client: Client) -> Received {
        let connection = &mut self.connections[client.0];
        if let Some(packet) = connection.unread.pop() {
            return Received::Packet(packet);
        }
        connection.read(Instant::now() + DEADLINE).unwrap_or_else(Received::Garbage)
    }

    fn unread(&mut self, client: Client, packet: Packet) {
        self.connections[client.0].unread.push(packet);
    }

    fn set_version(&mut self, client: Client, version: Version) {
        self.connections[client.0].version = version;
    }

    fn version(&self, client: Client) -> Version {
        self.connections[client.0].version
    }

    fn hang_up(&mut self, client: Client) {
        if let Some(stream) = &self.connections[client.0].stream {
            stream.shutdown();
        }
    }

    fn reset(&mut self, client: Client) {
        if let Some(stream) = self.connections[client.0].stream.take() {
            stream.reset();
        }
    }

    fn stop_reading(&mut self, _: Client) {
        // A client whose test does not read does not read.
    }

    fn read_on(&mut self, _: Client) {}
}
