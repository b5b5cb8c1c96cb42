//! What the cases share.

use weirmq_tests::wire::*;
use weirmq_tests::{Client, Talk, World};

/// Ill-formed UTF-8, each for another reason (RFC 3629): overlong forms, surrogates, beyond U+10FFFF, cut, stray.
pub(crate) const ILL_FORMED: [&[u8]; 11] = [
    &[0xC0, 0x80],
    &[0xC1, 0xBF],
    &[0xE0, 0x80, 0x80],
    &[0xED, 0xA0, 0x80],
    &[0xED, 0xBF, 0xBF],
    &[0xF0, 0x80, 0x80, 0x80],
    &[0xF4, 0x90, 0x80, 0x80],
    &[0xF5, 0x80, 0x80, 0x80],
    &[0xFF],
    &[0x80],
    &[0xE2, 0x82],
];

/// The two versions that are not 5.0.
pub(crate) const OLD: [Version; 2] = [Version::V31, Version::V311];

/// A 3.1.1 CONNECT with CleanSession 1 of these flags and this payload, whatever they are.
pub(crate) fn raw_connect(flags: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    raw::connect(b"MQTT", 4, flags, None, payload.as_ref())
}

/// A SUBSCRIBE to this filter, whatever it is.
pub(crate) fn raw_subscribe(filter: &[u8]) -> Vec<u8> {
    raw::frame(0x82, raw::join([&[0, 1], &raw::string(filter), &[0]]))
}

/// An UNSUBSCRIBE from this filter, whatever it is.
pub(crate) fn raw_unsubscribe(filter: &[u8]) -> Vec<u8> {
    raw::frame(0xA2, raw::join([&[0, 1], &raw::string(filter)]))
}

/// A PUBLISH at QoS 0 to this topic, whatever it is.
pub(crate) fn raw_publish(topic: &[u8]) -> Vec<u8> {
    raw::frame(0x30, raw::join([&raw::string(topic), b"x"]))
}

/// A client that is let in and then sends this is closed without another packet.
#[track_caller]
pub(crate) fn closes(w: &mut dyn World, bytes: impl ToWire) {
    closes_of(w, Version::V311, bytes);
}

/// The same for a client of this version.
#[track_caller]
pub(crate) fn closes_of(w: &mut dyn World, version: Version, bytes: impl ToWire) {
    let client = w.connect(connect("rogue").version(version));
    w.send(client, bytes);
    w.expect_closed(client);
}

/// Somebody whose first packet is this is closed without another packet.
#[track_caller]
pub(crate) fn turns_away(w: &mut dyn World, bytes: impl ToWire) {
    let client = w.open();
    w.send(client, bytes);
    w.expect_closed(client);
}

/// Somebody whose first packet is this is let in.
#[track_caller]
pub(crate) fn lets_in(w: &mut dyn World, bytes: impl ToWire) -> Client {
    let client = w.open();
    w.send(client, bytes);
    w.expect(client, connack(false, 0));
    client
}

/// Somebody whose first packet is this gets exactly these four bytes, and is closed.
#[track_caller]
pub(crate) fn refuses(w: &mut dyn World, bytes: impl ToWire, connack: [u8; 4]) {
    let client = w.open();
    w.send(client, bytes);
    expect_bytes(w, client, &connack);
    w.expect_closed(client);
}

/// Expects a packet of exactly these bytes. The decoder takes one form of each packet only, so nothing is lost on the way.
#[track_caller]
pub(crate) fn expect_bytes(w: &mut dyn World, client: Client, bytes: &[u8]) {
    let packet = w.recv(client);
    assert_eq!(packet.to_wire(w.version(client)), bytes, "{client:?} gets {packet:?}");
}

/// Says goodbye.
#[track_caller]
pub(crate) fn leave(w: &mut dyn World, client: Client) {
    w.send(client, disconnect());
    w.expect_closed(client);
}

/// A client with a session that stays, which subscribed to this and left.
#[track_caller]
pub(crate) fn away<const N: usize>(w: &mut dyn World, client_id: &str, filters: [(&str, u8); N]) {
    let client = w.reconnect(connect(client_id).clean(false), false);
    w.subscribed(client, filters);
    leave(w, client);
}

/// A client that subscribed to this.
#[track_caller]
pub(crate) fn subscriber<const N: usize>(w: &mut dyn World, client_id: &str, filters: [(&str, u8); N]) -> Client {
    let client = w.connect(connect(client_id));
    w.subscribed(client, filters);
    client
}

/// A client publishes this and leaves, once it is known to have arrived.
#[track_caller]
pub(crate) fn publishes(w: &mut dyn World, publish: Publish) {
    let publisher = w.connect(connect("publisher"));
    w.published(publisher, publish);
    w.expect_nothing(publisher);
    leave(w, publisher);
}
