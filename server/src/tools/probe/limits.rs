//! Who is let in, what CONNACK announces, and whether the announced limits are kept.

use std::io;

use weirmq_core::packet::{Packet, PacketId, PacketType, Property, QoS, ReasonCode, SubscriptionOptions, Version};

use super::Asked;
use super::report::Report;
use super::wire::{Accepted, Came, Hello, Out, Wire};

const LET_IN: &str = "connecting";
const LIMITS: &str = "limits";

/// A limit above this is believed: to try it would load the broker.
const TRIED_BYTES_MAX: u32 = 4 << 20;
/// The same for messages under way.
const TRIED_MESSAGES_MAX: u16 = 4_096;

/// Which versions are let in.
pub(super) struct Versions {
    pub(super) v311: bool,
    pub(super) v5: bool,
}

/// Tries each version, and what depends on nothing else.
pub(super) fn versions(asked: &Asked, report: &mut Report) -> io::Result<Versions> {
    let mut let_in = [false; 3];
    let all = [(Version::V3_1, "MQTT 3.1"), (Version::V3_1_1, "MQTT 3.1.1"), (Version::V5, "MQTT 5.0")];
    for (index, (version, name)) in all.into_iter().enumerate() {
        let client = asked.client("v");
        match Wire::connect(asked, &Hello::new(version, &client))? {
            Ok((wire, accepted)) if !accepted.code.is_failure() => {
                let_in[index] = true;
                report.tell(LET_IN, name, "yes");
                wire.leave()?;
            }
            Ok((_, refused)) => report.tell(LET_IN, name, format!("no: {}", code(refused.code))),
            Err(came) => report.tell(LET_IN, name, format!("no: {}", words(&came))),
        }
    }
    let version = if let_in[2] { Version::V5 } else { Version::V3_1_1 };
    let client = asked.client("anon");
    let hello = Hello { login: false, ..Hello::new(version, &client) };
    let answer = match Wire::connect(asked, &hello)? {
        Ok((_, accepted)) if !accepted.code.is_failure() => String::from("yes"),
        Ok((_, refused)) => format!("no: {}", code(refused.code)),
        Err(came) => format!("no: {}", words(&came)),
    };
    report.tell(LET_IN, "without user name", answer);
    first_packets(asked, report)?;
    Ok(Versions { v311: let_in[1], v5: let_in[2] })
}

fn first_packets(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let mut wire = Wire::open(asked, Version::V3_1_1)?;
    wire.send(&Packet::PingReq)?;
    let came = wire.next()?;
    report.check(LET_IN, "closes without CONNECT", came == Came::Closed, "MQTT-3.1.0-1", words(&came));
    let client = asked.client("twice");
    let hello = Hello::new(Version::V3_1_1, &client);
    if let Ok((mut wire, accepted)) = Wire::connect(asked, &hello)?
        && !accepted.code.is_failure()
    {
        wire.hello(asked, &hello)?;
        let came = wire.next()?;
        report.check(LET_IN, "closes at a second CONNECT", came == Came::Closed, "MQTT-3.1.0-2", words(&came));
    }
    Ok(())
}

/// Connects with 5.0, or tells that this did not work.
pub(super) fn connect(asked: &Asked, report: &mut Report, hello: &Hello<'_>) -> io::Result<Option<(Wire, Accepted)>> {
    match Wire::connect(asked, hello)? {
        Ok((wire, accepted)) if !accepted.code.is_failure() => return Ok(Some((wire, accepted))),
        Ok((_, refused)) => report.tell(LET_IN, "a further connection", format!("refused: {}", code(refused.code))),
        Err(Came::Breach(violation)) => {
            report.tell(LET_IN, "a further connection", "CONNACK cannot be read");
            report.blame(violation.statement(hello.version), violation.description());
        }
        Err(came) => report.tell(LET_IN, "a further connection", format!("no CONNACK: {}", words(&came))),
    }
    Ok(None)
}

/// What 5.0 announces, and whether it is kept.
pub(super) fn ask(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("lim");
    let wishes = [Property::SessionExpiryInterval(u32::MAX), Property::RequestResponseInformation(true)];
    let hello = Hello { properties: &wishes, keep_alive_s: u16::MAX, ..Hello::new(Version::V5, &client) };
    let Some((wire, accepted)) = connect(asked, report, &hello)? else { return Ok(()) };
    announce(report, &accepted);
    wire.leave()?;
    // The session was asked to live for ever: this one ends it.
    if let Some((wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? {
        wire.leave()?;
    }
    assigned(asked, report)?;
    let properties = accepted.properties.as_properties();
    if let Some(qos) = properties.maximum_qos() {
        maximum_qos(asked, report, qos)?;
    }
    let size = properties.maximum_packet_size();
    if let Some(size) = size.filter(|&size| size <= TRIED_BYTES_MAX) {
        packet_size(asked, report, size)?;
    }
    let maximum = properties.receive_maximum().filter(|&maximum| maximum <= TRIED_MESSAGES_MAX);
    if let (Some(maximum), None | Some(QoS::ExactlyOnce)) = (maximum, properties.maximum_qos()) {
        receive_maximum(asked, report, maximum)?;
    }
    aliases(asked, report, properties.topic_alias_maximum().unwrap_or(0))?;
    own_limits(asked, report)
}

fn announce(report: &mut Report, accepted: &Accepted) {
    let properties = accepted.properties.as_properties();
    let yes = |available: bool| if available { "yes" } else { "no" };
    let number = |value: Option<u32>, none: &str| value.map_or_else(|| none.to_owned(), |value| value.to_string());
    let qos = properties.maximum_qos().unwrap_or(QoS::ExactlyOnce);
    report.tell(LIMITS, "maximum QoS", (qos as u8).to_string());
    report.tell(LIMITS, "retained messages", yes(properties.retain_available()));
    report.tell(LIMITS, "wildcard subscriptions", yes(properties.wildcard_subscription_available()));
    report.tell(LIMITS, "shared subscriptions", yes(properties.shared_subscription_available()));
    report.tell(LIMITS, "subscription identifiers", yes(properties.subscription_identifier_available()));
    report.tell(
        LIMITS,
        "receive maximum",
        number(properties.receive_maximum().map(u32::from), "65535 (not announced)"),
    );
    report.tell(LIMITS, "maximum packet size", number(properties.maximum_packet_size(), "none announced"));
    report.tell(LIMITS, "topic alias maximum", number(properties.topic_alias_maximum().map(u32::from), "0"));
    let expiry = properties.session_expiry_interval();
    report.tell(LIMITS, "longest session expiry", number(expiry.filter(|&expiry| expiry != u32::MAX), "unlimited"));
    let keep_alive = properties.server_keep_alive().map(u32::from);
    report.tell(LIMITS, "server keep alive for 65535", number(keep_alive, "none"));
    report.tell(LIMITS, "response information", properties.response_information().unwrap_or("none"));
}

fn assigned(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let Some((wire, accepted)) = connect(asked, report, &Hello::new(Version::V5, ""))? else { return Ok(()) };
    let name = accepted.properties.as_properties().assigned_client_identifier().map(str::to_owned);
    report.check(LET_IN, "assigned client identifier", name.is_some(), "MQTT-3.2.2-16", "an empty one was accepted");
    wire.leave()
}

fn maximum_qos(asked: &Asked, report: &mut Report, maximum: QoS) -> io::Result<()> {
    let client = asked.client("qos");
    let Some((mut wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    let topic = asked.topic("qos");
    let granted = wire.subscribe(&topic, SubscriptionOptions::with_qos(QoS::ExactlyOnce), None)?;
    report.check(
        LIMITS,
        "grants subscriptions above it",
        granted.is_ok_and(|code| code <= 2),
        "MQTT-3.2.2-10",
        "refused",
    );
    let above = if maximum == QoS::AtMostOnce { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
    wire.publish(&Out::new(&topic, b"above").qos(above, 1))?;
    refusal(report, &mut wire, "enforces maximum QoS", ReasonCode::QoSNotSupported, "MQTT 5.0 3.2.2.3.4")
}

/// What comes next must be a DISCONNECT or the end of the connection.
fn refusal(
    report: &mut Report,
    wire: &mut Wire,
    name: &'static str,
    wanted: ReasonCode,
    statement: &'static str,
) -> io::Result<()> {
    loop {
        match wire.next()? {
            Came::Message(_) | Came::Ack(PacketType::PubRec, _, _) => {}
            Came::Disconnect(got) if got == wanted => {
                report.tell(LIMITS, name, format!("yes: {}", code(got)));
                return Ok(());
            }
            Came::Disconnect(got) => {
                report.tell(LIMITS, name, format!("yes, by another code: {}", code(got)));
                return Ok(());
            }
            Came::Closed => {
                report.tell(LIMITS, name, "yes, without DISCONNECT");
                return Ok(());
            }
            came => {
                report.tell(LIMITS, name, "no");
                report.blame(statement, words(&came));
                return Ok(());
            }
        }
    }
}

fn packet_size(asked: &Asked, report: &mut Report, maximum: u32) -> io::Result<()> {
    let topic = asked.topic("size");
    for (over, name) in [(0, "takes a packet of maximum size"), (1, "enforces maximum packet size")] {
        let client = asked.client("size");
        let Some((mut wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
        let empty = Out::new(&topic, b"").qos(QoS::AtLeastOnce, 1);
        let Some(payload) = payload_for(&empty, maximum as usize + over) else { return Ok(()) };
        let message = Out { payload: &payload, ..empty };
        if over == 0 {
            let result = wire.publish_whole(&message)?;
            let text = result.as_ref().err().map(words).unwrap_or_default();
            report.check(LIMITS, name, result.is_ok(), "MQTT 5.0 3.2.2.3.6", text);
        } else {
            wire.publish(&message)?;
            refusal(report, &mut wire, name, ReasonCode::PacketTooLarge, "MQTT 5.0 3.2.2.3.6")?;
        }
    }
    Ok(())
}

/// A payload that makes the packet of exactly this size, if there is one.
fn payload_for(message: &Out<'_>, size: usize) -> Option<Vec<u8>> {
    let head = 2 + message.topic.len() + 2 + 1;
    (1..=4).find_map(|length_bytes| {
        let remaining = size.checked_sub(1 + length_bytes)?;
        let fits = match length_bytes {
            1 => remaining < 128,
            2 => (128..16_384).contains(&remaining),
            3 => (16_384..2_097_152).contains(&remaining),
            _ => remaining >= 2_097_152,
        };
        (fits && remaining >= head).then(|| vec![b'.'; remaining - head])
    })
}

fn receive_maximum(asked: &Asked, report: &mut Report, maximum: u16) -> io::Result<()> {
    let client = asked.client("rm");
    let Some((mut wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    let topic = asked.topic("rm");
    for id in 1..=maximum {
        wire.publish(&Out::new(&topic, b"x").qos(QoS::ExactlyOnce, id))?;
    }
    let mut taken = 0;
    let end = loop {
        match wire.next()? {
            Came::Ack(PacketType::PubRec, _, code) if !code.is_failure() => taken += 1,
            came => break came,
        }
        if taken == maximum {
            break Came::Nothing;
        }
    };
    report.check(
        LIMITS,
        "takes receive maximum",
        taken == maximum,
        "MQTT-4.3.3-8",
        format!("{taken} taken, then {}", words(&end)),
    );
    if taken == maximum {
        wire.publish(&Out::new(&topic, b"x").qos(QoS::ExactlyOnce, maximum.wrapping_add(1)))?;
        let wanted = ReasonCode::ReceiveMaximumExceeded;
        // One more PUBREC would have been skipped, so what is left must be the end.
        refusal(report, &mut wire, "enforces receive maximum", wanted, "MQTT 5.0 3.3.4")?;
    }
    Ok(())
}

fn aliases(asked: &Asked, report: &mut Report, maximum: u16) -> io::Result<()> {
    let client = asked.client("alias");
    let topic = asked.topic("alias");
    let Some((mut wire, _)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    if maximum > 0 {
        wire.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtMostOnce), None)?.ok();
        let alias = [Property::TopicAlias(maximum)];
        wire.publish(&Out { properties: &alias, ..Out::new(&topic, b"1") })?;
        wire.publish(&Out { properties: &alias, ..Out::new("", b"2") })?;
        let messages = wire.messages()?;
        let right = messages.len() == 2 && messages.iter().all(|message| message.topic == topic);
        report.check(
            LIMITS,
            "understands topic aliases",
            right,
            "MQTT-3.3.2-12",
            format!("{} of 2 came", messages.len()),
        );
        let used = messages.iter().any(|message| message.alias.is_some());
        report.check(LIMITS, "uses no alias unasked", !used, "MQTT-3.1.2-27", "an alias came");
    }
    let alias = [Property::TopicAlias(maximum.saturating_add(1))];
    wire.publish(&Out { properties: &alias, ..Out::new(&topic, b"x") })?;
    if maximum < u16::MAX {
        let wanted = ReasonCode::TopicAliasInvalid;
        refusal(report, &mut wire, "enforces topic alias maximum", wanted, "MQTT 5.0 3.3.4")?;
    }
    Ok(())
}

/// The limits that a client sets for the broker.
fn own_limits(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("own");
    let mine = [Property::ReceiveMaximum(2), Property::MaximumPacketSize(128), Property::TopicAliasMaximum(1)];
    let hello = Hello { properties: &mine, ..Hello::new(Version::V5, &client) };
    let Some((mut wire, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    let sender = asked.client("send");
    let Some((mut other, _)) = connect(asked, report, &Hello::new(Version::V5, &sender))? else { return Ok(()) };
    let topic = asked.topic("o");
    if wire.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtLeastOnce), None)?.is_err() {
        return Ok(());
    }
    let large = [b'.'; 256];
    other.publish_whole(&Out::new(&topic, &large).qos(QoS::AtLeastOnce, 1))?.ok();
    for id in 2..=6 {
        other.publish_whole(&Out::new(&topic, b"small").qos(QoS::AtLeastOnce, id))?.ok();
    }
    let messages = wire.messages()?;
    let largest = messages.iter().map(|message| message.size).max().unwrap_or(0);
    report.check(
        LIMITS,
        "keeps the client's packet size",
        largest <= 128,
        "MQTT-3.1.2-24",
        format!("{largest} bytes came"),
    );
    let open = messages.len();
    report.check(LIMITS, "keeps the client's receive maximum", open <= 2, "MQTT-3.3.4-9", format!("{open} came"));
    let high = messages.iter().any(|message| message.alias.is_some_and(|alias| alias > 1));
    report.check(LIMITS, "keeps the client's alias maximum", !high, "MQTT-3.1.2-26", "a higher alias came");
    let used = messages.iter().any(|message| message.alias.is_some());
    report.tell(LIMITS, "uses topic aliases", if used { "yes" } else { "no" });
    for id in messages.iter().filter_map(|message| message.packet_id).collect::<Vec<PacketId>>() {
        wire.ack(PacketType::PubAck, id)?;
    }
    let rest = wire.messages()?.len();
    report.check(
        LIMITS,
        "goes on after acknowledgements",
        open + rest > open || open >= 5,
        "MQTT-4.3.2-1",
        "nothing more came",
    );
    wire.leave()?;
    other.leave()
}

/// A code by name and number.
fn code(code: ReasonCode) -> String {
    format!("{} ({:#04x})", code.name(), code.as_u8())
}

/// What came, in words.
pub(super) fn words(came: &Came) -> String {
    match came {
        Came::Message(message) => format!("a message of {} bytes came", message.size),
        Came::Ack(packet_type, _, got) => format!("{packet_type:?} came: {}", code(*got)),
        Came::Codes(codes) => format!("the codes {codes:02x?} came"),
        Came::Pong => String::from("PINGRESP came"),
        Came::Disconnect(got) => format!("DISCONNECT came: {}", code(*got)),
        Came::Other(packet_type) => format!("{packet_type:?} came"),
        Came::Breach(violation) => format!("it broke the protocol: {violation}"),
        Came::Closed => String::from("the connection was closed"),
        Came::Nothing => String::from("nothing came"),
    }
}
