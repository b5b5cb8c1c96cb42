//! How messages reach subscribers: retained, shared, with identifiers, with their properties.

use std::io;

use weirmq_core::packet::{PacketType, Property, QoS, RetainHandling, SubscriptionOptions, Version};

use super::Asked;
use super::limits::{connect, words};
use super::report::Report;
use super::wire::{Came, Hello, Message, Out, Wire};

const DELIVERY: &str = "delivery";

const AT_MOST_ONCE: SubscriptionOptions = SubscriptionOptions::with_qos(QoS::AtMostOnce);

/// Asks all of it with 5.0.
pub(super) fn ask(asked: &Asked, report: &mut Report) -> io::Result<()> {
    retained(asked, report)?;
    dollar(asked, report)?;
    shared(asked, report)?;
    identifiers(asked, report)?;
    options(asked, report)?;
    properties(asked, report)?;
    exactly_once(asked, report)
}

/// A subscriber and a publisher.
fn pair(asked: &Asked, report: &mut Report, name: &str) -> io::Result<Option<(Wire, Wire)>> {
    let (one, two) = (asked.client(&format!("{name}a")), asked.client(&format!("{name}b")));
    let Some((subscriber, _)) = connect(asked, report, &Hello::new(Version::V5, &one))? else { return Ok(None) };
    let Some((publisher, _)) = connect(asked, report, &Hello::new(Version::V5, &two))? else { return Ok(None) };
    Ok(Some((subscriber, publisher)))
}

fn retained(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut subscriber, mut publisher)) = pair(asked, report, "ret")? else { return Ok(()) };
    let topic = asked.topic("retained");
    let keep = Out { retain: true, ..Out::new(&topic, b"kept").qos(QoS::AtLeastOnce, 1) };
    if let Err(came) = publisher.publish_whole(&keep)? {
        report.tell(DELIVERY, "retained messages", format!("no: {}", words(&came)));
        return Ok(());
    }
    subscriber.subscribe(&topic, AT_MOST_ONCE, None)?.ok();
    let got = subscriber.messages()?;
    let right = got.len() == 1 && got[0].retain && got[0].payload == b"kept";
    report.check(DELIVERY, "retained messages", right, "MQTT-3.3.1-9", format!("{} came", got.len()));
    publisher.publish_whole(&Out { payload: b"", packet_id: 2, ..keep })?.ok();
    subscriber.messages()?;
    subscriber.subscribe(&topic, AT_MOST_ONCE, None)?.ok();
    let left = subscriber.messages()?.len();
    report.check(DELIVERY, "an empty payload deletes it", left == 0, "MQTT-3.3.1-6", format!("{left} came"));
    subscriber.leave()?;
    publisher.leave()
}

fn dollar(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut subscriber, mut publisher)) = pair(asked, report, "dol")? else { return Ok(()) };
    let topic = format!("$weirmq-probe/{}", asked.run);
    if subscriber.subscribe("+/+", AT_MOST_ONCE, None)?.is_ok_and(|code| code <= 2) {
        let taken = publisher.publish_whole(&Out::new(&topic, b"x").qos(QoS::AtLeastOnce, 1))?;
        report.tell(DELIVERY, "takes $ topics from clients", if taken.is_ok() { "yes" } else { "no" });
        let seen = subscriber.messages()?.iter().any(|message| message.topic == topic);
        report.check(DELIVERY, "hides $ topics from wildcards", !seen, "MQTT-4.7.2-1", "one came");
    }
    subscriber.leave()?;
    publisher.leave()?;
    let client = asked.client("sys");
    let Some((mut wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    let code = wire.subscribe("$SYS/#", AT_MOST_ONCE, None)?;
    wire.wait(asked.patience * 3);
    let came = matches!(wire.next()?, Came::Message(_));
    report.tell(
        DELIVERY,
        "$SYS",
        match (code, came) {
            (_, true) => "yes",
            (Ok(0..=2), false) => "nothing came",
            (Ok(_) | Err(_), false) => "the subscription was refused",
        },
    );
    wire.cut();
    Ok(())
}

fn shared(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut one, mut publisher)) = pair(asked, report, "sha")? else { return Ok(()) };
    let client = asked.client("shac");
    let Some((mut two, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    let topic = asked.topic("shared");
    let filter = format!("$share/probe/{topic}");
    let codes = [one.subscribe(&filter, AT_MOST_ONCE, None)?, two.subscribe(&filter, AT_MOST_ONCE, None)?];
    if codes.iter().any(|code| !matches!(code, Ok(0..=2))) {
        report.tell(DELIVERY, "shared subscriptions", "no: refused");
        return Ok(());
    }
    for _ in 0..8 {
        publisher.publish(&Out::new(&topic, b"x"))?;
    }
    let (first, second) = (one.messages()?.len(), two.messages()?.len());
    report.tell(DELIVERY, "shared subscriptions", format!("{first} and {second} of 8 to two members"));
    if first + second != 8 {
        report.blame("MQTT 5.0 4.8.2", format!("{} deliveries of 8 messages", first + second));
    }
    one.leave()?;
    two.leave()?;
    publisher.leave()
}

fn identifiers(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut subscriber, mut publisher)) = pair(asked, report, "sid")? else { return Ok(()) };
    let topic = asked.topic("id");
    let wide = asked.topic("+");
    let codes = [
        subscriber.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtLeastOnce), Some(7))?,
        subscriber.subscribe(&wide, AT_MOST_ONCE, Some(268_435_455))?,
    ];
    if codes.iter().any(|code| !matches!(code, Ok(0..=2))) {
        report.tell(DELIVERY, "subscription identifiers", "no: refused");
        return Ok(());
    }
    publisher.publish_whole(&Out::new(&topic, b"x").qos(QoS::AtLeastOnce, 1))?.ok();
    let got = subscriber.messages()?;
    let mut all: Vec<u32> = got.iter().flat_map(|message| message.identifiers.clone()).collect();
    all.sort_unstable();
    report.tell(
        DELIVERY,
        "overlapping subscriptions",
        match got.len() {
            1 => String::from("one copy"),
            copies => format!("{copies} copies"),
        },
    );
    if !got.iter().any(|message| message.qos == QoS::AtLeastOnce) {
        report.blame("MQTT-3.3.4-2", "no copy has the highest QoS of the subscriptions");
    }
    let statement = if got.len() > 1 { "MQTT-3.3.4-5" } else { "MQTT-3.3.4-4" };
    let text = format!("{all:?} came");
    report.check(DELIVERY, "subscription identifiers", all == [7, 268_435_455], statement, text);
    subscriber.leave()?;
    publisher.leave()
}

fn options(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut subscriber, mut publisher)) = pair(asked, report, "opt")? else { return Ok(()) };
    let local = asked.topic("local");
    subscriber.subscribe(&local, SubscriptionOptions { no_local: true, ..AT_MOST_ONCE }, None)?.ok();
    subscriber.publish(&Out::new(&local, b"own"))?;
    let own = subscriber.messages()?.len();
    report.check(DELIVERY, "No Local", own == 0, "MQTT-3.8.3-3", "its own message came");
    let quiet = SubscriptionOptions { retain_handling: RetainHandling::DoNotSend, ..AT_MOST_ONCE };
    let as_it_came = SubscriptionOptions { retain_as_published: true, ..quiet };
    let topics = [asked.topic("rap0"), asked.topic("rap1")];
    for (topic, options, name, statement) in [
        (&topics[0], quiet, "Retain As Published 0", "MQTT-3.3.1-12"),
        (&topics[1], as_it_came, "Retain As Published 1", "MQTT-3.3.1-13"),
        (&topics[0], as_it_came, "a new SUBSCRIBE replaces the options", "MQTT-3.8.4-3"),
    ] {
        let keep = Out { retain: true, ..Out::new(topic, b"kept").qos(QoS::AtLeastOnce, 1) };
        if publisher.publish_whole(&keep)?.is_err() {
            break;
        }
        subscriber.subscribe(topic, options, None)?.ok();
        let sent = subscriber.messages()?.len();
        publisher.publish_whole(&keep)?.ok();
        let got = subscriber.messages()?;
        let right = got.len() == 1 && got[0].retain == options.retain_as_published;
        report.check(DELIVERY, name, right, statement, "RETAIN is not as it should be");
        if sent > 0 {
            report.blame("MQTT-3.3.1-11", "a retained message came in spite of Retain Handling 2");
        }
        publisher.publish_whole(&Out { payload: b"", ..keep })?.ok();
        subscriber.messages()?;
    }
    subscriber.leave()?;
    publisher.leave()
}

fn properties(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((mut subscriber, mut publisher)) = pair(asked, report, "prp")? else { return Ok(()) };
    let topic = asked.topic("properties");
    subscriber.subscribe(&topic, AT_MOST_ONCE, None)?.ok();
    let list = [Property::UserProperty("b", "1"), Property::UserProperty("a", "2"), Property::UserProperty("b", "3")];
    publisher.publish(&Out { properties: &list, ..Out::new(&topic, b"x") })?;
    let got = subscriber.messages()?;
    let user: Vec<(&str, &str)> =
        got.iter().flat_map(|message| &message.user).map(|(name, value)| (&**name, &**value)).collect();
    let right = user == [("b", "1"), ("a", "2"), ("b", "3")];
    report.check(DELIVERY, "user properties in order", right, "MQTT-3.3.2-18", format!("{user:?} came"));
    subscriber.leave()?;
    publisher.leave()
}

/// A QoS 2 message that is repeated after its PUBREC, on the same connection and on the next one.
fn exactly_once(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("onceb");
    let subscriber = asked.client("oncea");
    let topic = asked.topic("once");
    let Some((mut subscriber, _)) = connect(asked, report, &Hello::new(Version::V5, &subscriber))? else {
        return Ok(());
    };
    let kept = [Property::SessionExpiryInterval(60)];
    let hello = Hello { properties: &kept, ..Hello::new(Version::V5, &client) };
    let Some((mut publisher, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    subscriber.subscribe(&topic, AT_MOST_ONCE, None)?.ok();
    let first = Out::new(&topic, b"once").qos(QoS::ExactlyOnce, 9);
    publisher.publish(&first)?;
    match publisher.next()? {
        Came::Ack(PacketType::PubRec, _, code) if !code.is_failure() => {}
        came => {
            report.tell(DELIVERY, "QoS 2", format!("no: {}", words(&came)));
            return Ok(());
        }
    }
    publisher.publish(&Out { dup: true, ..first })?;
    let again = publisher.next()?;
    publisher.cut();
    let resumed = Hello { clean: false, ..hello };
    let Some((mut publisher, accepted)) = connect(asked, report, &resumed)? else { return Ok(()) };
    let mut got: Vec<Message> = Vec::new();
    if accepted.session_present {
        publisher.publish(&Out { dup: true, ..first })?;
        if matches!(publisher.next()?, Came::Ack(PacketType::PubRec, id, _) if id.get() == 9) {
            publisher.ack(PacketType::PubRel, std::num::NonZeroU16::MIN.saturating_add(8))?;
            let came = publisher.next()?;
            let right = matches!(came, Came::Ack(PacketType::PubComp, _, _));
            report.check(DELIVERY, "QoS 2 is completed", right, "MQTT-4.3.3-11", words(&came));
        }
    }
    got.extend(subscriber.messages()?);
    let right = matches!(again, Came::Ack(PacketType::PubRec, _, _));
    report.check(DELIVERY, "a repeated QoS 2 PUBLISH is answered", right, "MQTT-4.3.3-10", words(&again));
    let once = got.len() == 1;
    report.check(DELIVERY, "QoS 2 is delivered once", once, "MQTT-4.3.3-10", format!("{} came", got.len()));
    publisher.cut();
    // Ends the session.
    if let Some((wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? {
        wire.leave()?;
    }
    subscriber.leave()
}
