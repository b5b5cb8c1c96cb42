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

sharded! {
    /// An answer is for the question that it names, not for who came to the same place since.
    fn a_late_answer_lets_nobody_else_in(shards) {
        let mut n = asking(shards);
        n.authenticate(|_| None);
        let first = n.open();
        n.send(first, connect("client").v5());
        let (shard, late) = n.asked().expect("a question");
        n.reset(first);
        n.settle();
        let second = n.open_at(shard);
        n.send(second, connect("client").v5());
        let (_, request) = n.asked().expect("a question");
        n.answer(shard, late.id, AuthOutcome::Accept { data: None });
        assert_eq!(n.read(second), Received::Nothing);
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        n.expect_like(second, connack(false, 0));
    }
}

sharded! {
    /// No more than so many questions wait at a time. Each counts until it is answered or its connection is gone.
    fn questions_are_bounded(shards) {
        let authentication = Authentication::External { methods: vec!["TEST".into()] };
        let mut config = Config { authentication, ..Config::default() };
        config.limits.auth_requests_max = 1;
        let mut n = net(shards, config);
        n.authenticate(|_| None);
        let method = || Property::AuthenticationMethod("TEST".into());
        let come = |n: &mut Net| {
            let client = n.open();
            n.send(client, connect("client").v5().property(method()));
            client
        };
        let first = come(&mut n);
        let (shard, request) = n.asked().expect("a question");
        let second = come(&mut n);
        n.expect_like(second, connack(false, 0x89));
        n.expect_closed(second);
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        n.expect_like(first, connack(false, 0));
        // It is refused as a client that is connected, when it asks anew.
        let third = n.open();
        n.send(third, connect("client").v5().property(method()));
        let (_, request) = n.asked().expect("a question");
        n.send(first, auth(0x19).property(method()));
        n.expect_disconnect(first, 0x89);
        n.reset(third);
        n.settle();
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        let fourth = come(&mut n);
        let (_, request) = n.asked().expect("a question");
        n.answer(shard, request.id, AuthOutcome::Accept { data: None });
        n.expect_like(fourth, connack(false, 0));
    }
}

sharded! {
    /// A connected client whose new credentials nobody judges in time is told 0x87: 0x88 is no code of DISCONNECT.
    fn a_new_answer_has_its_time_too(shards) {
        let mut n = asking(shards);
        let method = || Property::AuthenticationMethod("TEST".into());
        let client = n.connect(connect("client").v5().property(method()));
        n.authenticate(|_| None);
        n.send(client, auth(0x19).property(method()));
        n.expect_nothing(client);
        n.advance(Duration::from_secs(5));
        n.expect_disconnect(client, 0x87);
    }
}
