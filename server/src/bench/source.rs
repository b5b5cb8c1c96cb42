//! The addresses that connections come from.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Ports of each address: those that Linux gives out by default.
const PORTS: Range<u16> = 32_768..61_000;

/// An address of this machine.
struct Source {
    address: Ipv4Addr,
    /// How many of its ports were tried.
    tried: usize,
}

/// The addresses in turn, or whichever the system chooses if there are none.
///
/// Ports of an address are counted up here: a system that is asked to choose one for an address keeps it for all
/// destinations, and looks the longer the more of them are taken.
pub(crate) struct Sources {
    list: Vec<Source>,
    ports: Range<u16>,
    next: usize,
}

impl Sources {
    pub(crate) fn new(addresses: &[Ipv4Addr]) -> Self {
        Self::with_ports(addresses, PORTS)
    }

    fn with_ports(addresses: &[Ipv4Addr], ports: Range<u16>) -> Self {
        Self { list: addresses.iter().map(|&address| Source { address, tried: 0 }).collect(), ports, next: 0 }
    }

    /// Begins a connection, from the next address. Ports that are taken are passed over.
    pub(crate) fn connect(&mut self, broker: SocketAddr) -> io::Result<Socket> {
        if self.list.is_empty() {
            let socket = open(broker)?;
            return begin(&socket, broker).map(|()| socket);
        }
        let next = self.next;
        self.next = (next + 1) % self.list.len();
        let source = &mut self.list[next];
        for _ in self.ports.clone() {
            let port = self.ports.start + (source.tried % self.ports.len()) as u16;
            source.tried += 1;
            if let Some(socket) = connect_from(SocketAddr::new(IpAddr::V4(source.address), port), broker)? {
                return Ok(socket);
            }
        }
        let message = format!("all {} ports of {} are taken: add a --source", self.ports.len(), source.address);
        Err(io::Error::new(ErrorKind::AddrInUse, message))
    }
}

/// `None`: the port is taken.
fn connect_from(source: SocketAddr, broker: SocketAddr) -> io::Result<Option<Socket>> {
    let socket = open(broker)?;
    // Connections of an earlier run that are over do not hold it.
    socket.set_reuse_address(true)?;
    match socket.bind(&source.into()) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => return Ok(None),
        result => result?,
    }
    match begin(&socket, broker) {
        // Somebody else has a connection from there to the same broker.
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Ok(None),
        result => result.map(|()| Some(socket)),
    }
}

fn open(broker: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(broker), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn begin(socket: &Socket, broker: SocketAddr) -> io::Result<()> {
    match socket.connect(&broker.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Nobody else uses it at the same time. Of 127.0.0.0/8 all are this machine's on Linux.
    fn address() -> Ipv4Addr {
        let [_, .., high, low] = std::process::id().to_be_bytes();
        Ipv4Addr::new(127, 77, high, low)
    }

    fn port_of(socket: &Socket) -> u16 {
        socket.local_addr().expect("bound").as_socket().expect("an IP address").port()
    }

    #[test]
    fn ports_are_counted_up_and_those_that_are_taken_are_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let broker = listener.local_addr().expect("bound");
        let listening = TcpListener::bind((address(), 20_481)).expect("the second port");
        let mut sources = Sources::with_ports(&[address()], 20_480..20_484);
        let sockets = [sources.connect(broker).expect("one"), sources.connect(broker).expect("another")];
        assert_eq!(sockets.each_ref().map(port_of), [20_480, 20_482]);
        // Somebody else, to the same broker.
        let mut others = Sources::with_ports(&[address()], 20_480..20_484);
        let third = others.connect(broker).expect("the last one");
        assert_eq!(port_of(&third), 20_483);
        let error = others.connect(broker).expect_err("there is no other port");
        assert_eq!(error.to_string(), format!("all 4 ports of {} are taken: add a --source", address()));
        drop(listening);
        assert_eq!(port_of(&others.connect(broker).expect("it is free now")), 20_481);
    }
}
