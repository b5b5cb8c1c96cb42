//! A place in which clients talk to a broker, and the words in which tests say what they say.

use weirmq_core::Config;

use crate::wire::{ConnAck, Connect, Packet, Publish, ToWire, Version, puback, pubrec, suback};

/// A client of a [`World`]: one Network Connection, open or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(pub usize);

/// What a client sees when it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The next packet.
    Packet(Packet),
    /// The broker closed the connection, and everything before that was read.
    Closed,
    /// Nothing, for as long as this world waits.
    Nothing,
    /// What is no packet, and what is wrong with it.
    Garbage(String),
}

/// Makes a world around a broker with this configuration; the world sets `shards`.
pub type Start<'a> = &'a dyn Fn(Config) -> Box<dyn World>;

/// A broker and its clients, over whatever carries the bytes.
pub trait World {
    /// Opens a Network Connection. Nothing is sent on it.
    fn open(&mut self) -> Client;
    /// Writes bytes as they are. That the connection has closed in the meantime is no error: the test will see it.
    fn write(&mut self, client: Client, bytes: &[u8]);
    /// Waits for the next packet.
    fn read(&mut self, client: Client) -> Received;
    /// Puts a packet back: it is the next that is read.
    fn unread(&mut self, client: Client, packet: Packet);
    /// Decodes from here on as this version.
    fn set_version(&mut self, client: Client, version: Version);
    /// The version that the client speaks.
    fn version(&self, client: Client) -> Version;
    /// Closes the client's side after what it wrote: end of file without a DISCONNECT.
    fn hang_up(&mut self, client: Client);
    /// Lets the connection fail: a reset. What is under way is lost.
    fn reset(&mut self, client: Client);
    /// The client takes no more bytes, for now.
    fn stop_reading(&mut self, client: Client);
    /// The client takes bytes again.
    fn read_on(&mut self, client: Client);
}

/// What tests say, in every [`World`].
pub trait Talk: World {
    /// Sends a packet, or raw bytes.
    fn send(&mut self, client: Client, what: impl ToWire) {
        if let Some(version) = what.names_version() {
            self.set_version(client, version);
        }
        let bytes = what.to_wire(self.version(client));
        self.write(client, &bytes);
    }

    /// The next packet.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    fn recv(&mut self, client: Client) -> Packet {
        match self.read(client) {
            Received::Packet(packet) => packet,
            other => panic!("{client:?} waits for a packet and sees {other:?}"),
        }
    }

    /// Expects exactly this packet next.
    ///
    /// # Panics
    /// When it is another one, or none.
    #[track_caller]
    fn expect(&mut self, client: Client, packet: impl Into<Packet>) {
        let (wanted, packet) = (packet.into(), self.recv(client));
        assert_eq!(packet, wanted, "{client:?}: the left is what came, the right what should have");
    }

    /// Expects this packet next, whatever its properties.
    ///
    /// # Panics
    /// When it is another one, or none.
    #[track_caller]
    fn expect_like(&mut self, client: Client, packet: impl Into<Packet>) {
        let (wanted, packet) = (packet.into().without_properties(), self.recv(client).without_properties());
        assert_eq!(packet, wanted, "{client:?}: the left is what came, the right what should have");
    }

    /// The next packet of this kind; those that come before it are left for later.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    fn find(&mut self, client: Client, wanted: impl Fn(&Packet) -> bool) -> Packet {
        let mut others = Vec::new();
        let found = loop {
            match self.read(client) {
                Received::Packet(packet) if wanted(&packet) => break packet,
                Received::Packet(packet) => others.push(packet),
                end => panic!("{client:?} sees {end:?} after {others:?}"),
            }
        };
        while let Some(packet) = others.pop() {
            self.unread(client, packet);
        }
        found
    }

    /// Expects exactly this packet, and leaves those that come before it for later.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    fn expect_among(&mut self, client: Client, wanted: &Packet) {
        self.find(client, |packet| packet == wanted);
    }

    /// Expects a PUBLISH next.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    #[track_caller]
    fn recv_publish(&mut self, client: Client) -> Publish {
        match self.recv(client) {
            Packet::Publish(publish) => publish,
            other => panic!("{client:?} waits for a PUBLISH and gets {other:?}"),
        }
    }

    /// Expects a PUBLISH with this topic and payload next, and acknowledges it if it is of QoS 1, or takes it to PUBCOMP
    /// if it is of QoS 2.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    #[track_caller]
    fn take(&mut self, client: Client, topic: &str, payload: impl AsRef<[u8]>) -> Publish {
        let publish = self.recv_publish(client);
        assert_eq!((publish.topic.as_str(), &publish.payload[..]), (topic, payload.as_ref()), "{client:?}");
        if let Some(id) = publish.id {
            if publish.qos == 1 {
                self.send(client, puback(id));
            } else {
                self.send(client, pubrec(id));
                self.expect_among(client, &crate::wire::pubrel(id));
                self.send(client, crate::wire::pubcomp(id));
            }
        }
        publish
    }

    /// Expects the connection to close without another packet.
    ///
    /// # Panics
    /// When a packet comes, or it stays open.
    #[track_caller]
    fn expect_closed(&mut self, client: Client) {
        let seen = self.read(client);
        assert_eq!(seen, Received::Closed, "{client:?} should be closed");
    }

    /// Expects a DISCONNECT with this code, and the close.
    ///
    /// # Panics
    /// When anything else comes.
    #[track_caller]
    fn expect_disconnect(&mut self, client: Client, code: u8) {
        self.expect_like(client, crate::wire::disconnect().code(code));
        self.expect_closed(client);
    }

    /// Expects that nothing waits for the client: its PINGREQ is answered first.
    ///
    /// # Panics
    /// When something does.
    #[track_caller]
    fn expect_nothing(&mut self, client: Client) {
        self.send(client, Packet::PingReq);
        self.expect(client, Packet::PingResp);
    }

    /// Opens a connection, sends this CONNECT and reads the CONNACK, whatever it says.
    #[track_caller]
    fn try_connect(&mut self, connect: Connect) -> (Client, ConnAck) {
        let client = self.open();
        self.send(client, connect);
        match self.recv(client) {
            Packet::ConnAck(connack) => (client, connack),
            other => panic!("{client:?} waits for a CONNACK and gets {other:?}"),
        }
    }

    /// Connects.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    fn connect(&mut self, connect: Connect) -> Client {
        let (client, connack) = self.try_connect(connect);
        assert_eq!(connack.code, 0, "{client:?} is refused: {connack:?}");
        client
    }

    /// Connects to a session that is there, or to one that is not.
    ///
    /// # Panics
    /// When it is refused, or Session Present is not `present`.
    #[track_caller]
    fn reconnect(&mut self, connect: Connect, present: bool) -> Client {
        let (client, connack) = self.try_connect(connect);
        assert_eq!((connack.code, connack.session_present), (0, present), "{client:?}: {connack:?}");
        client
    }

    /// Subscribes, with Packet Identifier 1000, and expects that it is granted as asked. Messages may come before the
    /// SUBACK (MQTT 5.0, 3.8.4).
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    fn subscribed<const N: usize>(&mut self, client: Client, filters: [(&str, u8); N]) {
        self.send(client, crate::wire::subscribe(1000, filters));
        let suback = Packet::from(suback(1000, filters.map(|(_, qos)| qos)));
        self.find(client, |packet| packet.clone().without_properties() == suback);
    }

    /// Publishes at the packet's QoS, up to the last acknowledgement.
    ///
    /// # Panics
    /// When the acknowledgements do not come, or are refusals.
    #[track_caller]
    fn published(&mut self, client: Client, publish: Publish) {
        let (qos, id) = (publish.qos, publish.id);
        self.send(client, publish);
        match (qos, id) {
            (1, Some(id)) => self.expect_acknowledged(client, puback(id)),
            (2, Some(id)) => {
                self.expect_acknowledged(client, pubrec(id));
                self.send(client, crate::wire::pubrel(id));
                self.expect_among(client, &crate::wire::pubcomp(id));
            }
            _ => {}
        }
    }

    /// Expects this acknowledgement, perhaps after other packets; in place of Success it may say No matching subscribers.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    fn expect_acknowledged(&mut self, client: Client, ack: Packet) {
        let none = ack.clone().with_code(0x10);
        self.find(client, |packet| {
            let packet = packet.clone().without_properties();
            packet == ack || packet == none
        });
    }
}

impl<W: World + ?Sized> Talk for W {}
