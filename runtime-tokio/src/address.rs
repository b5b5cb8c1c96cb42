//! Where a broker listens, and how sockets are bound there. Accepting is the shard's.

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

#[cfg(target_os = "linux")]
use nix::{libc, setsockopt_impl, sockopt_impl, sys::socket::SetSockOpt};
use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that the kernel holds for us between two turns, and as many on which nothing has come. It may cut this
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4_096;
/// How long the kernel holds a connection back on which nothing has come, in seconds, about. All clients speak first, so most are
/// accepted together with what they say first: that is one wake-up and not two.
#[cfg(target_os = "linux")]
const SILENCE_MAX: u32 = 1;

// socket2 and the standard library do not have it. The call of setsockopt is nix's.
#[cfg(target_os = "linux")]
sockopt_impl!(
    /// `TCP_DEFER_ACCEPT`.
    DeferAccept,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    u32
);

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddr {
    /// A TCP address. An IPv6 one takes IPv6 only, so `0.0.0.0` and `[::]` can be listened on side by side. Port 0 is a
    /// free port of the system's choice, see [`Server::local_addrs`](crate::Server::local_addrs).
    ///
    /// On Linux a connection is accepted with what comes on it first, or without after about a second. Who has said nothing when
    /// the server goes down is not told.
    Tcp(SocketAddr),
    /// The path of a Unix domain socket. A file left behind by a broker that is gone is replaced.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for ListenAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr)
    }
}

/// Binds one address: a TCP address once for each shard (the kernel spreads the connections), a Unix path for the first.
/// The sockets listen and do not block. A port that the system chose is noted in the address.
pub(crate) fn bind(addr: &mut ListenAddr, shards: usize) -> io::Result<Vec<Socket>> {
    let bound = match addr {
        ListenAddr::Tcp(addr) => bind_tcp(addr, shards),
        ListenAddr::Unix(path) => bind_unix(path).map(|socket| vec![socket]),
    };
    bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}")))
}

fn bind_tcp(addr: &mut SocketAddr, shards: usize) -> io::Result<Vec<Socket>> {
    // A port that shards share could be bound by a second broker unnoticed: this one fails if anybody listens there.
    tcp_socket(*addr, false)?;
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = tcp_socket(*addr, shards > 1)?;
        socket.listen(BACKLOG)?;
        *addr = socket.local_addr()?.as_socket().unwrap_or(*addr);
        sockets.push(socket);
    }
    Ok(sockets)
}

fn tcp_socket(addr: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    // Accepted sockets inherit it. Output is batched already: Nagle's algorithm would only add stalls of 40 ms.
    socket.set_tcp_nodelay(true)?;
    // A kernel that cannot has each connection accepted at once, as on other systems.
    #[cfg(target_os = "linux")]
    let _ = DeferAccept.set(&socket, &SILENCE_MAX);
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn bind_unix(path: &Path) -> io::Result<Socket> {
    let addr = SockAddr::unix(path)?;
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    let left_behind = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && probe.connect(&addr).is_err_and(left_behind)
    {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
