//! The walk against packets whose secrets are known, cut in every way.

extern crate std;

use alloc::vec::Vec;

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::packet::{Auth, Connect, PacketId, Property, PropertyBuffer, Publish, QoS, ReasonCode, Will};

fn feed(redactor: &mut Redactor, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| redactor.feed(piece, |kept| out.extend_from_slice(kept)));
    out
}

/// What a client sends, with these secrets in the places of secrets.
fn stream(version: Version, secret: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut properties = PropertyBuffer::new();
    properties.push(Property::SessionExpiryInterval(5));
    properties.push(Property::UserProperty("name", "value"));
    properties.push(Property::AuthenticationMethod("M"));
    properties.push(Property::AuthenticationData(secret));
    let mut forwarded = PropertyBuffer::new();
    forwarded.push(Property::SubscriptionIdentifier(300));
    forwarded.push(Property::UserProperty("", ""));
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: if version == Version::V5 { forwarded.as_properties() } else { Default::default() },
        topic: "will",
        payload,
    };
    let is_v5 = version == Version::V5;
    let connect = Connect {
        version,
        clean_start: true,
        keep_alive_s: 60,
        properties: if is_v5 { properties.as_properties() } else { Default::default() },
        client_id: "client",
        will: Some(will),
        user_name: Some("user"),
        password: Some(secret),
    };
    connect.encode(&mut out);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let packet_id = if qos == QoS::AtMostOnce { None } else { PacketId::new(9) };
        let properties = if is_v5 { forwarded.as_properties() } else { Default::default() };
        let publish = Publish { dup: false, qos, retain: false, topic: "topic", packet_id, properties, payload };
        publish.encode(version, &mut out);
        out.extend_from_slice(&[0xc0, 0]);
    }
    if is_v5 {
        Auth { code: ReasonCode::ContinueAuthentication, properties: properties.as_properties() }.encode(&mut out);
    }
    out.extend_from_slice(&[0xe0, 0]);
    out
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3_1), Just(Version::V3_1_1), Just(Version::V5)]
}

proptest! {
    /// What is left is the stream that a client would have sent whose secrets are asterisks, however it is cut.
    #[test]
    fn only_secrets_are_replaced(
        version in version(), secret in vec(any::<u8>(), 0..150), payload in vec(any::<u8>(), 0..150),
        cuts in vec(1..40_usize, 0..40), payloads: bool,
    ) {
        let whole = stream(version, &secret, &payload);
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = &whole[..];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        let mut redactor = Redactor::new(payloads, true);
        let masked: Vec<u8> = if payloads { alloc::vec![b'*'; payload.len()] } else { payload };
        let wanted = stream(version, &alloc::vec![b'*'; secret.len()], &masked);
        let redacted = feed(&mut redactor, &pieces);
        prop_assert_eq!(&redacted, &wanted);
        prop_assert_eq!(redactor.version(), Some(version));
        // What was redacted stays as it is.
        prop_assert_eq!(feed(&mut Redactor::new(payloads, true), &[&redacted]), wanted);
    }

    /// No input panics, no byte is lost, and how it is cut does not matter.
    #[test]
    fn any_bytes_keep_their_number(
        noise in vec(prop_oneof![any::<u8>(), 0..6_u8], 0..200), at in 0..100_usize, version in version(), payloads: bool,
        incoming: bool,
    ) {
        let mut bytes = stream(version, b"secret", b"payload");
        bytes.truncate(at);
        bytes.extend_from_slice(&noise);
        let whole = feed(&mut Redactor::new(payloads, incoming), &[&bytes]);
        prop_assert_eq!(whole.len(), bytes.len());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(feed(&mut Redactor::new(payloads, incoming), &single), whole);
    }

    /// A CONNECT that is refused is refused for the same reason when its secrets are gone.
    #[test]
    fn a_fault_stays_what_it_was(version in version(), place in 2..80_usize, value: u8) {
        let secret = b"\xf1\xf2\xf3\xf4\xf5\xf6";
        let mut bytes = stream(version, secret, b"");
        let size = crate::packet::peek_size(&bytes).expect("a whole packet");
        prop_assume!(place + 8 < size && place < size - secret.len());
        let before = bytes[place];
        bytes[place] = value;
        prop_assume!(before != value);
        let frame = crate::packet::split(&bytes, None, usize::MAX);
        let refused = !matches!(frame, Ok(Some(frame)) if Connect::decode(frame.body).is_ok());
        let redacted = feed(&mut Redactor::new(false, true), &[&bytes]);
        if refused {
            // Its fault is the same.
            let again = crate::packet::split(&redacted, None, usize::MAX);
            let fault = |frame: Result<Option<crate::packet::Frame<'_>>, _>| match frame {
                Ok(Some(frame)) => Connect::decode(frame.body).err(),
                Ok(None) => None,
                Err(violation) => Some(violation),
            };
            prop_assert_eq!(fault(again), fault(frame));
        }
    }
}

/// The name of a User Property that takes all that is left for its value has a secret in it, which may be no text.
#[test]
fn a_name_without_a_value_is_kept_back_and_cut_short_all_the_same() {
    let mut bytes = stream(Version::V5, b"\xf1\0", b"");
    assert_eq!(bytes[18..25], *b"\x26\0\x04name");
    assert_eq!(bytes[12], 28);
    bytes[20] = 28 - 5 - 3;
    let redacted = feed(&mut Redactor::new(false, true), &[&bytes]);
    assert!(!redacted.contains(&0xf1));
    for packet in [&bytes, &redacted] {
        let frame = crate::packet::split(packet, None, usize::MAX).expect("it has its size").expect("it is whole");
        assert_eq!(Connect::decode(frame.body).err(), Some(crate::packet::Violation::TruncatedField));
    }
}

/// A Client Identifier that claims to be longer than the packet has the password in it.
#[test]
fn a_password_behind_a_wrong_length_is_kept_back() {
    let mut bytes = stream(Version::V3_1_1, b"secret", b"");
    assert_eq!(bytes[12..20], *b"\0\x06client");
    bytes[12] = 1;
    let redacted = feed(&mut Redactor::new(false, true), &[&bytes[..]]);
    assert_eq!(redacted[..14], bytes[..14]);
    assert!(!redacted.windows(6).any(|bytes| bytes == b"secret"));
}

#[test]
fn nothing_is_known_behind_a_length_of_five_bytes() {
    let mut redactor = Redactor::new(false, true);
    let out = feed(&mut redactor, &[&[0x10, 0xff, 0xff, 0xff, 0xff], b"secret"]);
    assert_eq!(out, b"\x10\xff\xff\xff\xff******");
}

#[test]
fn what_comes_before_connect_is_secret() {
    let out = feed(&mut Redactor::new(false, true), &[b"GET / HTTP/1.1"]);
    assert_eq!(&out[..2], b"GE");
    assert!(!out.windows(4).any(|bytes| bytes == b"HTTP"));
}
