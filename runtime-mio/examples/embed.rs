//! A broker inside a program: it counts its clients and ends when standard input does.
//!
//! Try it: `cargo run -p weirmq-mio --example embed-mio`, then `mosquitto_sub -t '#' -v`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use weirmq_mio::{Deployment, Event, Listener, Server};

fn main() -> io::Result<()> {
    let clients = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&clients);
    let addr = SocketAddr::from(([127, 0, 0, 1], 1883));
    let deployment = Deployment::new().listen(addr, Listener::default()).observer(move |_shard, event| {
        if let Event::Connected { client_id, version, .. } = event {
            counter.fetch_add(1, Ordering::Relaxed);
            println!("{client_id} connected with MQTT {version}");
        }
    });
    let server = Server::bind(deployment)?;
    println!("listening on {}; end of input ends it", server.local_addrs()[0]);

    let handle = server.handle();
    let broker = thread::spawn(move || server.run());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    handle.shutdown();
    broker.join().expect("the broker does not panic")?;
    println!("{} clients were here", clients.load(Ordering::Relaxed));
    Ok(())
}
