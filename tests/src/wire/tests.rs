//! The codec against itself and against bytes from the specification.

use super::*;

#[track_caller]
fn same_again(packet: impl Into<Packet>, version: Version) {
    let packet = packet.into();
    let bytes = packet.to_wire(version);
    assert_eq!(frame_len(&bytes), Ok(Some(bytes.len())));
    assert_eq!(frame_len(&bytes[..bytes.len() - 1]), Ok(None));
    assert_eq!(decode(&bytes, version), Ok(packet));
}

#[test]
fn every_packet_comes_back() {
    for version in [Version::V31, Version::V311, Version::V5] {
        same_again(connect("me").version(version).will("w", b"x", 1).user_name("u").password(b"p"), version);
        same_again(connack(true, 0), version);
        same_again(publish("a/b", b"x").qos(2).id(7).dup().retain(), version);
        same_again(publish("a/b", vec![7; 20_000]), version);
        for ack in [puback(1), pubrec(2), pubrel(3), pubcomp(4), ping(), pong()] {
            same_again(ack, version);
        }
        same_again(subscribe(1, [("a/#", 1), ("b", 2)]), version);
        same_again(suback(1, [1, 0x80]), version);
        same_again(unsubscribe(1, ["a/#"]), version);
        same_again(disconnect(), version);
    }
    same_again(unsuback(1, []), Version::V311);
    same_again(unsuback(1, [0x11]), Version::V5);
    same_again(auth(0x18).property(Property::AuthenticationMethod("m".into())), Version::V5);
    same_again(puback(1).with_code(0x10), Version::V5);
    same_again(publish("t", b"").property(Property::user("a", "b")).property(Property::TopicAlias(3)), Version::V5);
    same_again(disconnect().code(0x8E).property(Property::ReasonString("why".into())), Version::V5);
}

#[test]
fn bytes_are_those_of_the_specification() {
    assert_eq!(connect("a").keep_alive(10).to_wire(Version::V311), b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01a");
    assert_eq!(connect("").v31().to_wire(Version::V31), b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00");
    assert_eq!(connect("").v5().to_wire(Version::V5), b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00");
    assert_eq!(subscribe(10, [("a/b", 1)]).to_wire(Version::V311), b"\x82\x08\x00\x0a\x00\x03a/b\x01");
    assert_eq!(pubrel(1).to_wire(Version::V5), b"\x62\x02\x00\x01");
    assert_eq!(publish("t", b"x").qos(1).id(2).to_wire(Version::V5), b"\x32\x07\x00\x01t\x00\x02\x00x");
}

#[test]
fn what_is_left_over_is_an_error() {
    assert!(decode(&[0xD0, 1, 0], Version::V311).is_err());
    assert!(decode(&[0x40, 3, 0, 1, 0], Version::V311).is_err());
    assert!(decode(&[0x36, 5, 0, 1, b't', 0, 1], Version::V311).is_err());
    assert!(frame_len(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
}
