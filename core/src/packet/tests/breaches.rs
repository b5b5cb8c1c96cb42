//! Every breach that a packet alone shows: the unnumbered rules of 5.0, the limits, and 3.1.1's own.

use super::super::*;
use super::{UNLIMITED, decode};
use Version::{V3_1, V3_1_1, V5};

/// Each sample is one packet that fails with this violation.
#[track_caller]
fn breach(version: Version, violation: Violation, samples: &[&[u8]]) {
    for bytes in samples {
        assert_eq!(decode(version, bytes), Err(violation), "{bytes:x?}");
    }
}

/// A 5.0 CONNECT with these flags and what follows the Keep Alive.
fn connect_5(flags: u8, rest: &[u8]) -> alloc::vec::Vec<u8> {
    let mut bytes = alloc::vec![0x10, 10 + rest.len() as u8, 0, 4, b'M', b'Q', b'T', b'T', 5, flags, 0, 0];
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn the_fixed_header_is_checked_before_the_rest_comes() {
    let header = |bytes: &'static [u8], version| split(bytes, version, UNLIMITED);
    assert_eq!(header(&[0x00], None), Err(Violation::PacketType0));
    assert_eq!(header(&[0xf0], Some(V3_1_1)), Err(Violation::PacketType15));
    assert_eq!(header(&[0xf0], Some(V5)), Ok(None));
    for first in 0x10..=0xff_u8 {
        let packet_type = PacketType::from_bits(first >> 4).expect("not zero");
        let valid = packet_type.fixed_flags().is_none_or(|flags| flags == first & 0x0f);
        let expected = if valid { Ok(None) } else { Err(Violation::UnexpectedFlags) };
        assert_eq!(split(&[first], Some(V5), UNLIMITED), expected, "{first:x}");
    }
    assert_eq!(header(&[0x8a], Some(V3_1)), Ok(None), "3.1 repeats SUBSCRIBE with DUP");
    assert_eq!(header(&[0xc8], Some(V3_1)), Err(Violation::UnexpectedFlags));
    assert_eq!(header(&[0x30, 0xff, 0xff, 0xff, 0xff], Some(V5)), Err(Violation::MalformedVarInt));
    assert_eq!(header(&[0x30, 0xff, 0xff, 0xff, 0xff], None), Err(Violation::MalformedVarInt));
    assert_eq!(header(&[0xc0, 0x80, 0x00], Some(V5)), Err(Violation::NotShortestVarInt));
    assert_eq!(header(&[0xc0, 0x80, 0x00], Some(V3_1_1)).map(|frame| frame.map(|frame| frame.size)), Ok(Some(3)));
}

#[test]
fn a_large_packet_is_refused_at_its_length() {
    assert_eq!(split(&[0x30, 0x80, 0x01], Some(V5), 131), Ok(None));
    assert_eq!(split(&[0x30, 0x80, 0x01], Some(V5), 130), Err(Violation::PacketTooLarge));
    assert_eq!(split(&[0x30, 0xff, 0xff, 0xff, 0x7f], Some(V5), 268_435_460), Ok(None));
    assert_eq!(split(&[0x30, 0xff, 0xff, 0xff, 0x7f], Some(V5), 268_435_459), Err(Violation::PacketTooLarge));
    assert_eq!(peek_size(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Some(268_435_460));
    assert_eq!(peek_size(&[0x30, 0xff]), None);
    assert_eq!(peek_size(&[]), None);
}

#[test]
fn strings_and_identifiers() {
    breach(V5, Violation::NotUtf8, &[b"\x30\x05\0\x02\xc0\x80\0", b"\x30\x04\0\x01\xff\0"]);
    breach(V5, Violation::NulInString, &[b"\x30\x05\0\x02a\0\0"]);
    breach(V3_1_1, Violation::NotUtf8, &[b"\x30\x05\0\x03\xed\xa0\x80", b"\x82\x06\0\x01\0\x01\x80\0"]);
    breach(V3_1_1, Violation::NulInString, &[b"\xa2\x05\0\x01\0\x01\0"]);
    breach(
        V5,
        Violation::ZeroPacketId,
        &[
            b"\x32\x06\0\x01a\0\0\0",
            b"\x40\x02\0\0",
            b"\x62\x02\0\0",
            b"\x82\x07\0\0\0\0\x01a\0",
            b"\xa2\x06\0\0\0\0\x01a",
        ],
    );
}

#[test]
fn lengths() {
    breach(
        V5,
        Violation::TruncatedField,
        &[
            b"\x30\0",
            b"\x30\x02\0\x05",
            b"\x30\x03\0\x01a",
            b"\x32\x04\0\x01a\x01",
            b"\x40\x01\0",
            b"\x30\x05\0\x01a\x02\x01",
            b"\x82\x06\0\x01\0\0\x01a",
            b"\xf0\x01\x18",
            b"\x20\x02\0\0",
        ],
    );
    breach(V5, Violation::TrailingBytes, &[b"\x40\x05\0\x01\0\0\0", b"\xe0\x03\0\0\0", b"\x20\x04\0\0\0\0"]);
    breach(V5, Violation::TrailingBytes, &[b"\xf0\x07\x18\x04\x15\0\x01m\0"]);
    breach(
        V3_1_1,
        Violation::TrailingBytes,
        &[b"\x40\x03\0\x01\0", b"\xe0\x01\0", b"\x20\x03\0\0\0", b"\xb0\x03\0\x01\0"],
    );
    breach(V5, Violation::PayloadAfterPing, &[b"\xc0\x01\0", b"\xd0\x01\0"]);
    breach(V5, Violation::NotShortestVarInt, &[b"\x30\x05\0\x01a\x80\0"]);
    breach(V5, Violation::MalformedVarInt, &[b"\x30\x07\0\x01a\xff\xff\xff\xff"]);
}

#[test]
fn protocol_names_and_versions() {
    let connect = |bytes: &'static [u8]| Connect::decode(bytes);
    assert_eq!(connect(b"\0\x04MQTT\x06\x02\0\0\0\0"), Err(Violation::ProtocolVersion));
    assert_eq!(connect(b"\0\x04MQTT\x03\x02\0\0\0\0"), Err(Violation::ProtocolVersion));
    assert_eq!(connect(b"\0\x06MQIsdp\x04\x02\0\0\0\0"), Err(Violation::ProtocolVersion));
    assert_eq!(connect(b"\0\x04HTTP\x04\x02\0\0\0\0"), Err(Violation::ProtocolName));
    assert_eq!(connect(b"\0\x04mqtt\x04\x02\0\0\0\0"), Err(Violation::ProtocolName));
    assert_eq!(Connect::peek_version(b"\0\x04MQTT\x05"), Some(V5));
    assert_eq!(Connect::peek_version(b"\0\x04MQTT\x04\xff"), Some(V3_1_1));
    assert_eq!(Connect::peek_version(b"\0\x06MQIsdp\x03"), Some(V3_1));
    assert_eq!(Connect::peek_version(b"\0\x04MQTT\x07"), None);
    assert_eq!(Connect::peek_version(b"\0\x04MQT"), None);
    for (body, version) in [
        (&b"\0\x04MQTT\x06"[..], V5),
        (b"\0\x04MQTT\x02", V3_1_1),
        (b"\0\x06MQIsdp\x02", V3_1),
        (b"\0\x06MQIsdp\x06", V3_1),
        (b"\0\x04MQ", V3_1_1),
        (b"", V3_1_1),
    ] {
        assert_eq!(Connect::nearest_version(body), version, "{body:?}");
    }
}

#[test]
fn connect_flags() {
    for (flags, violation) in [
        (0b0000_0001, Violation::ReservedConnectFlag),
        (0b0001_1100, Violation::WillQoS3),
        (0b0001_1000, Violation::WillQoS3),
        (0b0000_1000, Violation::WillQoSWithoutWill),
        (0b0010_0000, Violation::WillRetainWithoutWill),
        (0b0000_0100, Violation::TruncatedField),
        (0b1000_0000, Violation::TruncatedField),
        (0b0100_0000, Violation::TruncatedField),
    ] {
        breach(V5, violation, &[&connect_5(flags, b"\0\0\0")]);
    }
    assert!(Connect::decode(b"\0\x06MQIsdp\x03\x03\0\0\0\x01c").is_ok());
    breach(V3_1_1, Violation::ReservedConnectFlag, &[b"\x10\x0d\0\x04MQTT\x04\x03\0\0\0\x01c"]);
    breach(V3_1_1, Violation::PasswordWithoutUserName, &[b"\x10\x0f\0\x04MQTT\x04\x42\0\0\0\0\0\x01p"]);
    breach(V3_1_1, Violation::TrailingBytes, &[b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\0\0"]);
    breach(V5, Violation::EmptyTopic, &[&connect_5(4, b"\0\0\0\0\0\0\0\0")]);
    breach(V5, Violation::WildcardInTopicName, &[&connect_5(4, b"\0\0\0\0\0\x01#\0\0")]);
    assert_eq!(
        split(b"\x10\x8d\0\0\x04MQTT\x05\0\0\0\0\0\0", None, UNLIMITED)
            .map(|frame| frame.map(|frame| Packet::decode(V3_1_1, &frame))),
        Ok(Some(Err(Violation::NotShortestVarInt))),
        "a CONNECT shows its version after its length"
    );
}

#[test]
fn connect_properties() {
    let refused = |violation, list: &[u8]| {
        let mut rest = alloc::vec![list.len() as u8];
        rest.extend_from_slice(list);
        rest.extend_from_slice(b"\0\0");
        breach(V5, violation, &[&connect_5(2, &rest)]);
    };
    for once in [
        &b"\x11\0\0\0\x01"[..],
        b"\x21\0\x01",
        b"\x27\0\0\0\x01",
        b"\x22\0\x01",
        b"\x19\x01",
        b"\x17\x01",
        b"\x15\0\x01m",
    ] {
        refused(Violation::DuplicateProperty, &[once, once].concat());
    }
    refused(Violation::DuplicateProperty, b"\x15\0\x01m\x16\0\0\x16\0\0");
    refused(Violation::ReceiveMaximumZero, b"\x21\0\0");
    refused(Violation::MaximumPacketSizeZero, b"\x27\0\0\0\0");
    refused(Violation::PropertyValue, b"\x19\x02");
    refused(Violation::PropertyValue, b"\x17\xff");
    refused(Violation::AuthDataWithoutMethod, b"\x16\0\x01x");
    refused(Violation::UnknownProperty, b"\x04\x00");
    refused(Violation::UnknownProperty, b"\xff\x00");
    refused(Violation::PropertyNotAllowed, b"\x23\0\x01");
    refused(Violation::PropertyNotAllowed, b"\x18\0\0\0\x01");
    refused(Violation::TruncatedField, b"\x11\0\0\0");
    refused(Violation::NulInString, b"\x26\0\x01a\0\x01\0");
    refused(Violation::NotUtf8, b"\x26\0\x01\xff\0\x01b");
}

#[test]
fn will_properties() {
    let refused = |violation, list: &[u8]| {
        let mut rest = alloc::vec![0, 0, 0, list.len() as u8];
        rest.extend_from_slice(list);
        rest.extend_from_slice(b"\0\x01t\0\0");
        breach(V5, violation, &[&connect_5(6, &rest)]);
    };
    for once in [&b"\x18\0\0\0\x01"[..], b"\x01\x01", b"\x02\0\0\0\x01", b"\x03\0\x01x", b"\x08\0\x01x", b"\x09\0\x01x"]
    {
        refused(Violation::DuplicateProperty, &[once, once].concat());
    }
    refused(Violation::PropertyValue, b"\x01\x02");
    refused(Violation::PropertyNotAllowed, b"\x11\0\0\0\x01");
    refused(Violation::ResponseTopicWildcard, b"\x08\0\x01+");
}

#[test]
fn connack() {
    breach(V5, Violation::ReservedConnAckFlag, &[b"\x20\x03\x02\0\0", b"\x20\x03\xff\0\0"]);
    breach(V5, Violation::SessionPresentWithFailure, &[b"\x20\x03\x01\x87\0"]);
    breach(V5, Violation::ReasonCodeNotAllowed, &[b"\x20\x03\0\x01\0", b"\x20\x03\0\x8e\0", b"\x20\x03\0\xff\0"]);
    breach(V3_1_1, Violation::ReasonCodeNotAllowed, &[b"\x20\x02\0\x06", b"\x20\x02\0\x87"]);
    breach(V3_1_1, Violation::SessionPresentWithFailure, &[b"\x20\x02\x01\x05"]);
    breach(V5, Violation::PropertyValue, &[b"\x20\x05\0\0\x02\x24\x02", b"\x20\x05\0\0\x02\x25\x02"]);
    assert!(decode(V3_1, b"\x20\x02\x55\0").is_ok(), "3.1 reserves the byte");
}

#[test]
fn publish() {
    breach(V5, Violation::QoS3, &[b"\x36\x06\0\x01a\0\x01\0", b"\x3e\x06\0\x01a\0\x01\0"]);
    breach(V3_1_1, Violation::QoS3, &[b"\x36\x05\0\x01a\0\x01"]);
    breach(V5, Violation::DupAtQoS0, &[b"\x38\x04\0\x01a\0"]);
    breach(V5, Violation::EmptyTopic, &[b"\x30\x03\0\0\0", b"\x30\x05\0\0\x02\x01\x01"]);
    breach(V3_1_1, Violation::EmptyTopic, &[b"\x30\x02\0\0"]);
    breach(V5, Violation::WildcardInTopicName, &[b"\x30\x05\0\x02a+\0", b"\x30\x04\0\x01#\0"]);
    breach(V5, Violation::TopicAliasZero, &[b"\x30\x07\0\x01a\x03\x23\0\0"]);
    breach(V5, Violation::SubscriptionIdentifierZero, &[b"\x30\x06\0\x01a\x02\x0b\0"]);
    breach(V5, Violation::EmptyTopic, &[b"\x30\x07\0\x01a\x03\x08\0\0"]);
    breach(V5, Violation::ResponseTopicWildcard, &[b"\x30\x08\0\x01a\x04\x08\0\x01#"]);
    breach(V5, Violation::PropertyNotAllowed, &[b"\x30\x07\0\x01a\x03\x1f\0\0"]);
    for once in [&b"\x23\0\x01"[..], b"\x01\x01", b"\x02\0\0\0\x01", b"\x03\0\x01x", b"\x08\0\x01x", b"\x09\0\x01x"] {
        let size = 2 * once.len() as u8;
        let bytes = [&[0x30, 4 + size, 0, 1, b'a', size][..], once, once].concat();
        breach(V5, Violation::DuplicateProperty, &[&bytes]);
    }
    assert!(decode(V5, b"\x30\x08\0\x01a\x04\x0b\x01\x0b\x02").is_ok(), "a server sends several");
}

#[test]
fn acknowledgements() {
    breach(
        V5,
        Violation::ReasonCodeNotAllowed,
        &[
            b"\x40\x03\0\x01\x92",
            b"\x50\x03\0\x01\x01",
            b"\x62\x03\0\x01\x10",
            b"\x70\x03\0\x01\x80",
            b"\x40\x03\0\x01\xfe",
        ],
    );
    breach(V5, Violation::PropertyNotAllowed, &[b"\x40\x07\0\x01\0\x03\x23\0\x01"]);
    breach(V5, Violation::DuplicateProperty, &[b"\x40\x0a\0\x01\0\x06\x1f\0\0\x1f\0\0"]);
}

#[test]
fn subscribe_and_unsubscribe() {
    breach(V5, Violation::NoFilters, &[b"\x82\x03\0\x01\0", b"\xa2\x03\0\x01\0"]);
    breach(V3_1_1, Violation::NoFilters, &[b"\x82\x02\0\x01", b"\xa2\x02\0\x01"]);
    breach(V5, Violation::SubscriptionQoS3, &[b"\x82\x07\0\x01\0\0\x01a\x03"]);
    breach(V5, Violation::RetainHandling3, &[b"\x82\x07\0\x01\0\0\x01a\x30"]);
    breach(V5, Violation::ReservedSubscriptionBits, &[b"\x82\x07\0\x01\0\0\x01a\x40", b"\x82\x07\0\x01\0\0\x01a\x80"]);
    breach(V3_1_1, Violation::SubscriptionQoS3, &[b"\x82\x06\0\x01\0\x01a\x03"]);
    breach(V3_1_1, Violation::ReservedSubscriptionBits, &[b"\x82\x06\0\x01\0\x01a\x04", b"\x82\x06\0\x01\0\x01a\x13"]);
    breach(V5, Violation::SubscriptionIdentifierZero, &[b"\x82\x09\0\x01\x02\x0b\0\0\x01a\0"]);
    breach(V5, Violation::DuplicateProperty, &[b"\x82\x0b\0\x01\x04\x0b\x01\x0b\x02\0\x01a\0"]);
    breach(V5, Violation::AcknowledgementCount, &[b"\x90\x03\0\x01\0", b"\xb0\x03\0\x01\0"]);
    breach(V5, Violation::ReasonCodeNotAllowed, &[b"\x90\x04\0\x01\0\x03", b"\xb0\x04\0\x01\0\x01"]);
    breach(V3_1_1, Violation::ReasonCodeNotAllowed, &[b"\x90\x03\0\x01\x87"]);
    assert!(decode(V3_1, b"\x82\x06\0\x01\0\x01a\xfd").is_ok(), "3.1 does not use the upper bits");
}

#[test]
fn disconnect_and_auth() {
    breach(V5, Violation::ReasonCodeNotAllowed, &[b"\xe0\x01\x01", b"\xe0\x01\x84", b"\xf0\x02\x87\0"]);
    breach(V5, Violation::PropertyNotAllowed, &[b"\xe0\x05\0\x03\x21\0\x01"]);
    breach(V5, Violation::AuthMethodMissing, &[b"\xf0\0", b"\xf0\x02\x18\0"]);
    breach(V5, Violation::DuplicateProperty, &[b"\xf0\x0a\x18\x08\x15\0\x01m\x15\0\x01m"]);
    breach(V5, Violation::AuthDataWithoutMethod, &[b"\xf0\x05\x18\x03\x16\0\0"]);
}
