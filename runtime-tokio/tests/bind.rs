//! What binding promises, without a client.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::{fs, io, process};

use weirmq_core::config::Authentication;
use weirmq_tokio::{Config, Deployment, ListenAddr, Listener, Server};

fn on(addr: impl Into<ListenAddr>) -> Deployment<ListenAddr> {
    Deployment::new().listen(addr, Listener::default())
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A path of this test's own in the directory for temporary files.
fn socket_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("weirmq-tokio-{}-{name}", process::id()))
}

fn error(deployment: Deployment<ListenAddr>) -> io::Error {
    Server::bind(deployment).err().expect("this must not be bound")
}

#[test]
fn an_address_in_use_is_named() {
    let other = TcpListener::bind(local()).unwrap();
    let addr = other.local_addr().unwrap();
    for shards in [1, 2] {
        let error = error(on(addr).config(Config { shards, ..Config::default() }));
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    }
}

#[test]
fn a_second_broker_with_shards_does_not_share_the_port() {
    let two = || Config { shards: 2, ..Config::default() };
    let first = Server::bind(on(local()).config(two())).unwrap();
    let ListenAddr::Tcp(addr) = first.local_addrs()[0] else { panic!("this is a TCP address") };
    assert_ne!(addr.port(), 0);
    assert_eq!(error(on(addr).config(two())).kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_socket_file_left_behind_is_replaced_and_removed_at_the_end() {
    let path = socket_path("stale");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::bind(on(ListenAddr::Unix(path.clone()))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.run(async {})).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_path_that_is_used_is_left_alone() {
    let path = socket_path("used");
    let other = UnixListener::bind(&path).unwrap();
    let error_in_use = error(on(ListenAddr::Unix(path.clone())));
    assert_eq!(error_in_use.kind(), io::ErrorKind::AddrInUse);
    assert!(error_in_use.to_string().contains(path.to_str().unwrap()), "{error_in_use}");
    drop(other);
    fs::remove_file(&path).unwrap();

    fs::write(&path, "precious").unwrap();
    error(on(ListenAddr::Unix(path.clone())));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let external = Config { authentication: Authentication::External { methods: Vec::new() }, ..Config::default() };
    let durable = Config { durable: true, ..Config::default() };
    let no_shard = Config { shards: 0, ..Config::default() };
    let faulty = [no_shard, external, durable].map(|config| on(local()).config(config));
    for deployment in faulty.into_iter().chain([Deployment::new()]) {
        assert_eq!(error(deployment).kind(), io::ErrorKind::InvalidInput);
    }
}
