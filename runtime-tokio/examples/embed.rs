//! A broker inside a tokio program: it tells of its clients and ends when standard input does.
//!
//! Try it: `cargo run -p weirmq-tokio --example embed-tokio`, then `mosquitto_sub -t '#' -v`.

use std::io;
use std::net::SocketAddr;

use weirmq_tokio::{Deployment, Event, Listener, Server};

fn main() -> io::Result<()> {
    // Your program has a runtime already; any flavour will do.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let deployment = Deployment::new()
            .listen(SocketAddr::from(([127, 0, 0, 1], 1883)), Listener::default())
            .observer(|_shard, event| {
                if let Event::Connected { client_id, version, .. } = event {
                    println!("{client_id} connected with MQTT {version}");
                }
            });
        let server = Server::bind(deployment)?;
        println!("listening on {}; end of input ends it", server.local_addrs()[0]);

        let (end, ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            end.send(())
        });
        let broker = tokio::spawn(server.run(async move { ended.await.unwrap_or(()) }));
        // Here your program does its own work.
        broker.await.expect("the broker does not panic")
    })
}
