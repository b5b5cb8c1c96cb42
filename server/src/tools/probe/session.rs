//! Sessions: their lifetime, what is kept for them, the will, takeover, Keep Alive.

use std::io;
use std::time::{Duration, Instant};

use weirmq_core::packet::{Property, QoS, ReasonCode, SubscriptionOptions, Version, Will};

use super::Asked;
use super::limits::{connect, words};
use super::report::Report;
use super::wire::{Came, Hello, Out, Wire};

const SESSION: &str = "sessions";
const OLD: &str = "MQTT 3.1.1";

/// Asks all of it with 5.0.
pub(super) fn ask(asked: &Asked, report: &mut Report) -> io::Result<()> {
    resume(asked, report)?;
    ends(asked, report)?;
    will(asked, report)?;
    takeover(asked, report)?;
    keep_alive(asked, report)
}

/// A session with one subscription outlives its connection, and gets what came meanwhile.
fn resume(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let (client, sender) = (asked.client("ses"), asked.client("send"));
    let topic = asked.topic("session");
    let kept = [Property::SessionExpiryInterval(60)];
    let hello = Hello { properties: &kept, ..Hello::new(Version::V5, &client) };
    let resumed = Hello { clean: false, ..hello };
    let Some((mut wire, accepted)) = connect(asked, report, &resumed)? else { return Ok(()) };
    let text = "there is no session, and it is said to be present";
    report.check(SESSION, "Session Present 0 without one", !accepted.session_present, "MQTT-3.2.2-3", text);
    wire.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtLeastOnce), None)?.ok();
    wire.leave()?;
    let Some((mut other, _)) = connect(asked, report, &Hello::new(Version::V5, &sender))? else { return Ok(()) };
    other.publish_whole(&Out::new(&topic, b"meanwhile").qos(QoS::AtLeastOnce, 1))?.ok();
    other.leave()?;
    let Some((mut wire, accepted)) = connect(asked, report, &resumed)? else { return Ok(()) };
    report.check(SESSION, "outlives its connection", accepted.session_present, "MQTT-3.1.2-23", "Session Present is 0");
    let first = wire.messages()?;
    report.check(
        SESSION,
        "gets QoS 1 messages of its absence",
        first.len() == 1,
        "MQTT-3.1.2-5",
        format!("{} came", first.len()),
    );
    // Not acknowledged: it must come again, and say so.
    wire.cut();
    let Some((mut wire, _)) = connect(asked, report, &resumed)? else { return Ok(()) };
    let again = wire.messages()?;
    let same = again.len() == 1 && again[0].packet_id == first.first().and_then(|message| message.packet_id);
    report.check(SESSION, "sends unacknowledged messages again", same, "MQTT-4.4.0-1", format!("{} came", again.len()));
    if same {
        report.check(SESSION, "sets DUP on them", again[0].dup, "MQTT-3.3.1-1", "DUP is 0");
    }
    wire.leave()?;
    let Some((wire, accepted)) = connect(asked, report, &Hello::new(Version::V5, &client))? else { return Ok(()) };
    report.check(SESSION, "Clean Start ends it", !accepted.session_present, "MQTT-3.2.2-2", "Session Present is 1");
    wire.leave()
}

/// Sessions that should not be there any more.
fn ends(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("end");
    for (expiry_s, name) in [(None, "expiry 0 ends with the connection"), (Some(1), "expiry 1 s ends in time")] {
        let list: Vec<Property<'_>> = expiry_s.map(Property::SessionExpiryInterval).into_iter().collect();
        let Some((wire, _)) = connect(asked, report, &Hello { properties: &list, ..Hello::new(Version::V5, &client) })?
        else {
            return Ok(());
        };
        wire.leave()?;
        if expiry_s.is_some() {
            std::thread::sleep(Duration::from_secs(1) + asked.patience * 2);
        }
        let hello = Hello { clean: false, ..Hello::new(Version::V5, &client) };
        let Some((wire, accepted)) = connect(asked, report, &hello)? else { return Ok(()) };
        report.check(SESSION, name, !accepted.session_present, "MQTT-3.2.2-3", "Session Present is 1");
        wire.leave()?;
    }
    Ok(())
}

fn will(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let (client, watch) = (asked.client("will"), asked.client("watch"));
    let topic = asked.topic("will");
    let Some((mut watcher, _)) = connect(asked, report, &Hello::new(Version::V5, &watch))? else { return Ok(()) };
    watcher.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtMostOnce), None)?.ok();
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: weirmq_core::packet::Properties::EMPTY,
        topic: &topic,
        payload: b"gone",
    };
    let hello = Hello { will: Some(will), ..Hello::new(Version::V5, &client) };
    let Some((wire, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    wire.cut();
    let broken = watcher.messages()?.len();
    report.check(SESSION, "publishes a will", broken == 1, "MQTT-3.1.2-8", format!("{broken} came"));
    let Some((wire, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    wire.leave()?;
    let ended = watcher.messages()?.len();
    report.check(SESSION, "DISCONNECT deletes a will", ended == 0, "MQTT-3.14.4-3", "it came");
    watcher.leave()
}

fn takeover(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("over");
    let hello = Hello::new(Version::V5, &client);
    let Some((mut older, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    let Some((newer, _)) = connect(asked, report, &hello)? else { return Ok(()) };
    let came = older.next()?;
    let right = came == Came::Disconnect(ReasonCode::SessionTakenOver);
    report.check(SESSION, "a newer connection takes over", right, "MQTT-3.1.4-3", words(&came));
    newer.leave()
}

fn keep_alive(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let client = asked.client("keep");
    let hello = Hello { keep_alive_s: 1, ..Hello::new(Version::V5, &client) };
    let Some((mut wire, accepted)) = connect(asked, report, &hello)? else { return Ok(()) };
    if let Some(keep_alive_s) = accepted.properties.as_properties().server_keep_alive() {
        report.tell(SESSION, "server keep alive for 1", keep_alive_s.to_string());
        return wire.leave();
    }
    // The specification sets no bound to being late; that much later is never.
    wire.wait(Duration::from_secs(15));
    let start = Instant::now();
    let came = wire.next()?;
    let after = start.elapsed();
    if matches!(came, Came::Closed | Came::Disconnect(_)) {
        report.tell(SESSION, "enforces a Keep Alive of 1 s", format!("after {:.1} s", after.as_secs_f64()));
        if after < Duration::from_millis(1_400) {
            report.blame("MQTT-3.1.2-22", "closed before one and a half times the Keep Alive");
        }
    } else {
        report.check(SESSION, "enforces a Keep Alive of 1 s", false, "MQTT-3.1.2-22", words(&came));
    }
    Ok(())
}

/// What 3.1.1 has for itself.
pub(super) fn ask_3(asked: &Asked, report: &mut Report) -> io::Result<()> {
    let hello = Hello { clean: false, ..Hello::new(Version::V3_1_1, "") };
    match Wire::connect(asked, &hello)? {
        Ok((_, accepted)) => {
            let right = accepted.code == ReasonCode::ClientIdentifierNotValid;
            report.check(
                OLD,
                "refuses an empty identifier with a session",
                right,
                "MQTT-3.1.3-8",
                accepted.code.name(),
            );
        }
        Err(came) => {
            report.tell(OLD, "refuses an empty identifier with a session", "no");
            report.blame("MQTT-3.1.3-8", words(&came));
        }
    }
    let client = asked.client("old");
    let kept = Hello { clean: false, ..Hello::new(Version::V3_1_1, &client) };
    let Some((mut wire, _)) = connect(asked, report, &kept)? else { return Ok(()) };
    let topic = asked.topic("old");
    wire.subscribe(&topic, SubscriptionOptions::with_qos(QoS::AtLeastOnce), None)?.ok();
    wire.publish(&Out::new(&topic, b"unfinished").qos(QoS::AtLeastOnce, 1))?;
    let id = wire.messages()?.first().and_then(|message| message.packet_id);
    wire.cut();
    let Some((mut wire, accepted)) = connect(asked, report, &kept)? else { return Ok(()) };
    report.check(OLD, "keeps a session", accepted.session_present, "MQTT-3.2.2-2", "Session Present is 0");
    let again = wire.messages()?;
    let right = again.len() == 1 && again[0].packet_id == id && again[0].dup;
    report.check(
        OLD,
        "sends an unfinished message again with DUP",
        right,
        "MQTT-4.4.0-1",
        format!("{} came", again.len()),
    );
    wire.leave()?;
    let clean = Hello::new(Version::V3_1_1, &client);
    let Some((wire, accepted)) = connect(asked, report, &clean)? else { return Ok(()) };
    report.check(OLD, "CleanSession ends it", !accepted.session_present, "MQTT-3.2.2-1", "Session Present is 1");
    wire.leave()
}
