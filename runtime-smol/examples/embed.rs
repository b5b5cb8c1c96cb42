//! A broker inside a smol program: it tells of its clients and ends when standard input does.
//!
//! Try it: `cargo run -p weirmq-smol --example embed-smol`, then `mosquitto_sub -t '#' -v`.

use std::io;
use std::net::SocketAddr;

use weirmq_smol::{Deployment, Event, Listener, Server};

fn main() -> io::Result<()> {
    smol::block_on(async {
        let deployment = Deployment::new()
            .listen(SocketAddr::from(([127, 0, 0, 1], 1883)), Listener::default())
            .observer(|_shard, event| {
                if let Event::Connected { client_id, version, .. } = event {
                    println!("{client_id} connected with MQTT {version}");
                }
            });
        let server = Server::bind(deployment)?;
        println!("listening on {}; end of input ends it", server.local_addrs()[0]);

        let end = smol::unblock(|| io::copy(&mut io::stdin(), &mut io::sink()));
        let broker = smol::spawn(server.run(async {
            let _ = end.await;
        }));
        // Here your program does its own work.
        broker.await
    })
}
