//! Records there and back, and the bytes of each as version 1 of the format has them.

extern crate std;

use super::*;
use alloc::vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::prelude::*;

fn conn() -> impl Strategy<Value = ConnId> {
    any::<u64>().prop_map(ConnId::from_bits)
}

fn outcome() -> impl Strategy<Value = AuthOutcome> {
    let data = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9));
    prop_oneof![
        data().prop_map(|data| AuthOutcome::Accept { data }),
        data().prop_map(|data| AuthOutcome::Continue { data }),
        Just(AuthOutcome::Refuse(ReasonCode::NotAuthorized)),
    ]
}

fn peer() -> impl Strategy<Value = PeerAddr> {
    prop_oneof![
        any::<(u32, u16)>().prop_map(|(ip, port)| PeerAddr::Ip((Ipv4Addr::from(ip), port).into())),
        any::<(u128, u16)>().prop_map(|(ip, port)| PeerAddr::Ip((Ipv6Addr::from(ip), port).into())),
        Just(PeerAddr::Unix),
        Just(PeerAddr::Memory),
    ]
}

fn cause() -> impl Strategy<Value = CloseCause> {
    prop_oneof![Just(CloseCause::PeerClosed), Just(CloseCause::Error), Just(CloseCause::Done)]
}

fn begin() -> impl Strategy<Value = Begin> {
    any::<(bool, u16, [u8; 32])>().prop_map(|(redact_payloads, shard, seed)| Begin {
        software: "1.2.3".into(),
        options: RecordOptions { redact_payloads },
        config: Config::default(),
        shard: ShardId(shard),
        seed,
    })
}

fn input() -> impl Strategy<Value = Input<'static>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| &*bytes.leak());
    prop_oneof![
        begin().prop_map(|begin| Input::Begin(Box::new(begin))),
        (any::<u16>(), peer()).prop_map(|(listener, peer)| Input::Accept { listener: ListenerId(listener), peer }),
        any::<(u16, u64)>().prop_map(|(from, number)| Input::Handoff { from: ShardId(from), number }),
        (conn(), bytes).prop_map(|(conn, bytes)| Input::Receive { conn, bytes }),
        (conn(), any::<u64>()).prop_map(|(conn, count)| Input::Sent { conn, count }),
        conn().prop_map(|conn| Input::HalfClosed { conn }),
        (conn(), cause()).prop_map(|(conn, cause)| Input::Closed { conn, cause }),
        any::<(u16, u64, u64)>().prop_map(|(from, number, handled)| Input::Peer {
            from: ShardId(from),
            number,
            handled
        }),
        any::<u64>().prop_map(|upto| Input::Stored { upto: LogPosition(upto) }),
        Just(Input::StoreFailed),
        (any::<u64>(), outcome()).prop_map(|(id, outcome)| Input::Auth { request: AuthId(id), outcome }),
        Just(Input::Timeout),
        any::<(usize, usize)>()
            .prop_map(|(connections, retained)| Input::Run { budget: Budget { connections, retained } }),
        conn().prop_map(|conn| Input::Disconnect { conn }),
        Just(Input::Shutdown),
        any::<u64>().prop_map(|hash| Input::Drain { hash }),
        any::<u64>().prop_map(|hash| Input::End { hash }),
    ]
}

fn encoded(input: &Input<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    input.encode(&mut out);
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read(input in input()) {
        let bytes = encoded(&input);
        prop_assert_eq!(Input::decode(&bytes), Ok(input.clone()));
        let is_open = matches!(input, Input::Receive { .. });
        for cut in 0..bytes.len() {
            let cut = Input::decode(&bytes[..cut]);
            prop_assert!(cut.is_err() || is_open, "{:?}", cut);
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(is_open || Input::decode(&longer).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, kind in 0..18_u8) {
        let _either = Input::decode(&bytes);
        let _either = Input::decode(&[&[kind], &bytes[..]].concat());
    }
}

/// Changes of these bytes are changes of the format: then its version goes up.
#[test]
fn version_1_is_what_it_was() {
    let conn = ConnId::from_bits(2 << 32 | 300);
    let golden: &[(Input<'_>, &[u8])] = &[
        (
            Input::Accept { listener: ListenerId(1), peer: PeerAddr::Ip(([127, 0, 0, 1], 1883).into()) },
            &[2, 1, 4, 127, 0, 0, 1, 0xdb, 0x0e],
        ),
        (Input::Handoff { from: ShardId(1), number: 7 }, &[3, 1, 7]),
        (Input::Receive { conn, bytes: &[0xc0, 0] }, &[4, 0xac, 2, 2, 0xc0, 0]),
        (Input::Sent { conn, count: 128 }, &[5, 0xac, 2, 2, 0x80, 1]),
        (Input::Closed { conn, cause: CloseCause::Error }, &[6, 0xac, 2, 2, 1]),
        (Input::Peer { from: ShardId(3), number: 5, handled: 4 }, &[7, 3, 5, 4]),
        (Input::Stored { upto: LogPosition(9) }, &[8, 9]),
        (Input::StoreFailed, &[9]),
        (
            Input::Auth { request: AuthId(1), outcome: AuthOutcome::Refuse(ReasonCode::NotAuthorized) },
            &[10, 1, 2, 0x87],
        ),
        (Input::Auth { request: AuthId(1), outcome: AuthOutcome::Accept { data: None } }, &[10, 1, 0, 0]),
        (Input::Timeout, &[11]),
        (Input::Run { budget: Budget { connections: 64, retained: 1 } }, &[12, 64, 1]),
        (Input::Disconnect { conn }, &[13, 0xac, 2, 2]),
        (Input::Shutdown, &[14]),
        (Input::HalfClosed { conn }, &[17, 0xac, 2, 2]),
        (Input::Drain { hash: 0x0102 }, &[15, 2, 1, 0, 0, 0, 0, 0, 0]),
        (Input::End { hash: 0x0102 }, &[16, 2, 1, 0, 0, 0, 0, 0, 0]),
    ];
    for (input, bytes) in golden {
        assert_eq!(encoded(input), *bytes, "{input:?}");
    }
    let begin = Begin {
        software: "0.1.0".into(),
        options: RecordOptions::default(),
        config: Config::default(),
        shard: ShardId(0),
        seed: [7; 32],
    };
    let bytes = encoded(&Input::Begin(Box::new(begin)));
    assert_eq!(bytes[..9], [1, 1, 5, b'0', b'.', b'1', b'.', b'0', 0]);
    let sum = bytes.iter().fold(0_u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    assert_eq!((bytes.len(), sum), GOLDEN_BEGIN, "the encoding of the configuration");
}

/// Of the default configuration: another default changes it too, and that needs no new version.
const GOLDEN_BEGIN: (usize, u32) = (157, 125_410_786);
