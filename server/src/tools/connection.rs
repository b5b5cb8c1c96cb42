//! The socket under `weirmq pub` and `weirmq sub`: a blocking one, read by a thread of its own.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long one address may take to answer before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a broker.
#[derive(Debug)]
pub(crate) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Connects by TCP to the first address of the host that answers.
    pub(crate) fn tcp(host: &str, port: u16) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for addr in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self::Tcp(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Connects to a Unix domain socket.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).map(Self::Unix)
    }

    /// Waits for input; 0 says that the broker has closed.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Tcp(stream) => stream.read(buffer),
                Self::Unix(stream) => stream.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// How long [`read`](Self::read) waits from now on before it fails; not zero.
    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_read_timeout(Some(timeout)),
            Self::Unix(stream) => stream.set_read_timeout(Some(timeout)),
        }
    }

    /// Writes all of it.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Tells the broker that nothing more comes; what it has to say can still be read.
    pub(crate) fn shutdown_write(&self) {
        self.shut(Shutdown::Write);
    }

    /// Ends both directions, for every handle.
    pub(crate) fn shutdown(&self) {
        self.shut(Shutdown::Both);
    }

    fn shut(&self, how: Shutdown) {
        // A connection that is gone already needs no telling.
        drop(match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        });
    }

    /// Another handle to the same connection, for a thread of its own.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }
}

/// What `-L mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC` says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) topic: String,
}

impl Url {
    /// Reads one.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC";
        let expected = || String::from(EXPECTED);
        let rest = text.strip_prefix("mqtt://").ok_or_else(|| match text.starts_with("mqtts://") {
            true => String::from("mqtts:// is not supported yet"),
            false => expected(),
        })?;
        let (authority, topic) = rest.split_once('/').ok_or_else(expected)?;
        let (login, address) =
            authority.rsplit_once('@').map_or((None, authority), |(login, rest)| (Some(login), rest));
        let (user, password) = match login.map(|login| login.split_once(':')) {
            Some(Some((user, password))) => (Some(user), Some(password)),
            Some(None) => (login, None),
            None => (None, None),
        };
        // The colons of an IPv6 address are inside brackets.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| expected())?),
            Some(_) | None => (address, 1883),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || topic.is_empty() {
            return Err(expected());
        }
        let own = |text: &str| percent_decoded(text).ok_or_else(expected);
        Ok(Self {
            user: user.map(own).transpose()?,
            password: password.map(own).transpose()?,
            host: host.to_owned(),
            port,
            topic: own(topic)?,
        })
    }
}

/// Text with `%41` read as `A`; `None` for a broken escape or what is no UTF-8 then.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let [high, low, after @ ..] = after else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16);
            bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("mqtt://me:p%40ss:w@[::1]:1884/a/b%23").expect("a URL");
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("me"), Some("p@ss:w")));
        assert_eq!((url.host.as_str(), url.port, url.topic.as_str()), ("::1", 1884, "a/b#"));
        let url = Url::parse("mqtt://broker/t").expect("a URL");
        assert_eq!((url.user, url.host.as_str(), url.port), (None, "broker", 1883));
        assert_eq!(Url::parse("mqtt://u@[::1]/t").expect("a URL").host, "::1");
        for text in [
            "broker/t",
            "mqtt://broker",
            "mqtt://broker/",
            "mqtt:///t",
            "mqtt://h:x/t",
            "mqtts://h/t",
            "mqtt://h/%4",
            "mqtt://h/%zz",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
