//! Credentials are the deployment's question: at once, late, or never answered.

use std::time::Duration;

use weirmq_core::config::Authentication;
use weirmq_core::packet::ReasonCode;
use weirmq_core::{AuthOutcome, Config};
use weirmq_tests::memory::Net;
use weirmq_tests::wire::*;
use weirmq_tests::{Received, Talk, World};

use crate::{net, sharded};

fn asking(shards: u16) -> Net {
    let authentication = Authentication::External { methods: vec!["TEST".into()] };
    net(shards, Config { authentication, ..Config::default() })
}

sharded! {
    /// A client is let in or refused by the answer.
    fn the_answer_decides(shards) {
        let mut n = asking(shards);
        n.authenticate(|request| {
            let good = request.user_name.as_deref() == Some("ann") && request.password.as_deref() == Some(b"right");
            Some(if good {
                AuthOutcome::Accept { data: None }
            } else {
                AuthOutcome::Refuse(ReasonCode::BadUserNameOrPassword)
            })
        });
        let ann = || connect("client").user_name("ann");
        let client = n.connect(ann().password(b"right"));
        n.expect_nothing(client);
        let (client, refused) = n.try_connect(ann().v5().password(b"right\0"));
        assert_eq!((refused.code, refused.session_present), (0x86, false));
        n.expect_closed(client);
        let (client, refused) = n.try_connect(ann().password(b"wrong"));
        assert_eq!(refused.code, 4);
        n.expect_closed(client);
    }
}

sharded! {
    /// What is pipelined behind a CONNECT waits for the answer; after a refusal it is never executed.
    fn packets_wait_for_the_answer(shards) {
        let mut n = asking(shards);
        let witness = n.connect(connect("witness"));
        n.subscribed(witness, [("#", 1)]);
        n.authenticate(|_| None);
        let hasty = [
            connect("hasty").user_name("ann").to_wire(Version::V311),
            publish("t", "hasty").qos(1).to_wire(Version::V311),
        ];
        let client = n.open();
        n.send(client, hasty.concat());
        assert_eq!(n.read(client), Received::Nothing);
        n.expect_nothing(witness);
        let (shard, request) = n.asked().expect("a question");
        assert_eq!((&*request.client_id, request.user_name.as_deref()), ("hasty", Some("ann")));
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        n.expect(client, connack(false, 0));
        n.expect(client, puback(1));
        n.take(witness, "t", "hasty");

        let client = n.open();
        n.send(client, hasty.concat());
        let (shard, request) = n.asked().expect("a question");
        n.answer(shard, request.id, AuthOutcome::Refuse(ReasonCode::NotAuthorized));
        n.expect(client, connack(false, 5));
        n.expect_closed(client);
        n.expect_nothing(witness);
    }
}

sharded! {
    /// No answer in time is a refusal by 0x88; a late one changes nothing.
    fn an_answer_has_its_time(shards) {
        let mut n = asking(shards);
        n.authenticate(|_| None);
        let client = n.open();
        n.send(client, connect("client").v5());
        let (shard, request) = n.asked().expect("a question");
        n.advance(Duration::from_secs(5) - Duration::from_micros(1));
        assert_eq!(n.read(client), Received::Nothing);
        n.advance(Duration::from_micros(1));
        n.expect_like(client, connack(false, 0x88));
        n.expect_closed(client);
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        n.settle();
        assert_eq!(n.stats().sessions, 0);
    }
}

sharded! {
    /// Enhanced authentication takes its steps, and the CONNACK names the method (4.12).
    fn enhanced_authentication_takes_steps(shards) {
        let mut n = asking(shards);
        n.authenticate(|request| {
            let step = request.exchange.as_ref().expect("an exchange");
            assert_eq!(&*step.method, "TEST");
            Some(match step.data.as_deref() {
                Some(b"hello") => AuthOutcome::Continue { data: Some(b"who?".to_vec()) },
                Some(b"me") => AuthOutcome::Accept { data: Some(b"welcome".to_vec()) },
                _ => AuthOutcome::Refuse(ReasonCode::NotAuthorized),
            })
        });
        let method = || Property::AuthenticationMethod("TEST".into());
        let data = |data: &[u8]| Property::AuthenticationData(data.to_vec());
        for (answer, accepted) in [(&b"me"[..], true), (&b"you"[..], false)] {
            let client = n.open();
            n.send(client, connect("client").v5().property(method()).property(data(b"hello")));
            n.expect(client, auth(0x18).property(method()).property(data(b"who?")));
            n.send(client, auth(0x18).property(method()).property(data(answer)));
            let Packet::ConnAck(connack) = n.recv(client) else { panic!("no CONNACK") };
            if accepted {
                assert_eq!(connack.code, 0);
                assert!(connack.properties.contains(&method()), "{connack:?}");
                assert!(connack.properties.contains(&data(b"welcome")), "{connack:?}");
                n.send(client, disconnect());
            } else {
                assert_eq!(connack.code, 0x87);
            }
            n.expect_closed(client);
        }
    }
}
