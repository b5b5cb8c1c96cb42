//! The configuration as a record: each field in the order of its declaration.

use alloc::string::String;
use alloc::vec::Vec;

use super::codec::{Fields, Malformed, put_bool, put_bytes, put_duration, put_number, put_option};
use crate::access::{Action, Effect, Rule};
use crate::config::{Authentication, Config, Limits, Listener, Mqtt, QueueFull};
use crate::packet::{QoS, ReasonCode, Version};

pub(super) fn put_config(config: &Config, out: &mut Vec<u8>) {
    let Config { shards, listeners, mqtt, limits, authentication, access, durable } = config;
    put_number(u64::from(*shards), out);
    put_number(listeners.len() as u64, out);
    listeners.iter().for_each(|listener| put_listener(listener, out));
    put_mqtt(mqtt, out);
    put_limits(limits, out);
    match authentication {
        Authentication::None => out.push(0),
        Authentication::External { methods } => {
            out.push(1);
            put_number(methods.len() as u64, out);
            methods.iter().for_each(|method| put_bytes(method.as_bytes(), out));
        }
    }
    put_number(access.len() as u64, out);
    access.iter().for_each(|rule| put_rule(rule, out));
    put_bool(*durable, out);
}

pub(super) fn read_config(fields: &mut Fields<'_>) -> Result<Config, Malformed> {
    Ok(Config {
        shards: fields.small()?,
        listeners: fields.list(read_listener)?,
        mqtt: read_mqtt(fields)?,
        limits: read_limits(fields)?,
        authentication: match fields.byte()? {
            0 => Authentication::None,
            1 => Authentication::External { methods: fields.list(|fields| fields.text().map(String::from))? },
            _ => return Err(Malformed("a kind of authentication")),
        },
        access: fields.list(read_rule)?,
        durable: fields.bool()?,
    })
}

fn put_rule(rule: &Rule, out: &mut Vec<u8>) {
    let Rule { effect, action, filter } = rule;
    match effect {
        Effect::Allow => out.push(0),
        Effect::Refuse(code) => out.extend_from_slice(&[1, code.as_u8()]),
    }
    out.push(match action {
        Action::Publish => 0,
        Action::Subscribe => 1,
        Action::Both => 2,
    });
    put_bytes(filter.as_bytes(), out);
}

fn read_rule(fields: &mut Fields<'_>) -> Result<Rule, Malformed> {
    Ok(Rule {
        effect: match fields.byte()? {
            0 => Effect::Allow,
            1 => Effect::Refuse(ReasonCode::from_u8(fields.byte()?).ok_or(Malformed("a Reason Code"))?),
            _ => return Err(Malformed("an effect of a rule")),
        },
        action: match fields.byte()? {
            0 => Action::Publish,
            1 => Action::Subscribe,
            2 => Action::Both,
            _ => return Err(Malformed("an action")),
        },
        filter: String::from(fields.text()?),
    })
}

fn put_listener(listener: &Listener, out: &mut Vec<u8>) {
    let Listener { name, allow_anonymous, connections_max } = listener;
    put_bytes(name.as_bytes(), out);
    put_bool(*allow_anonymous, out);
    put_number(u64::from(*connections_max), out);
}

fn read_listener(fields: &mut Fields<'_>) -> Result<Listener, Malformed> {
    Ok(Listener {
        name: String::from(fields.text()?),
        allow_anonymous: fields.bool()?,
        connections_max: fields.small()?,
    })
}

fn put_mqtt(mqtt: &Mqtt, out: &mut Vec<u8>) {
    let Mqtt {
        versions,
        packet_bytes_max,
        connect_bytes_max,
        receive_maximum,
        inflight_max,
        topic_alias_maximum,
        topic_alias_outgoing_max,
        maximum_qos,
        retain_available,
        wildcard_subscription_available,
        subscription_identifier_available,
        shared_subscription_available,
        session_expiry_max_s,
        keep_alive_max_s,
        connect_timeout,
        client_id_bytes_max,
        topic_levels_max,
        dollar_publish_denied,
        response_information,
        retry_interval,
    } = mqtt;
    put_number(versions.len() as u64, out);
    out.extend(versions.iter().map(|&version| version as u8));
    put_number(u64::from(*packet_bytes_max), out);
    put_number(u64::from(*connect_bytes_max), out);
    put_number(u64::from(*receive_maximum), out);
    put_number(u64::from(*inflight_max), out);
    put_number(u64::from(*topic_alias_maximum), out);
    put_number(u64::from(*topic_alias_outgoing_max), out);
    out.push(*maximum_qos as u8);
    put_bool(*retain_available, out);
    put_bool(*wildcard_subscription_available, out);
    put_bool(*subscription_identifier_available, out);
    put_bool(*shared_subscription_available, out);
    put_number(u64::from(*session_expiry_max_s), out);
    put_number(u64::from(*keep_alive_max_s), out);
    put_duration(*connect_timeout, out);
    put_number(u64::from(*client_id_bytes_max), out);
    put_number(u64::from(*topic_levels_max), out);
    put_bool(*dollar_publish_denied, out);
    put_option(response_information.as_ref(), out, |text, out| put_bytes(text.as_bytes(), out));
    put_option(*retry_interval, out, put_duration);
}

fn read_mqtt(fields: &mut Fields<'_>) -> Result<Mqtt, Malformed> {
    Ok(Mqtt {
        versions: fields.list(|fields| match fields.byte()? {
            3 => Ok(Version::V3_1),
            4 => Ok(Version::V3_1_1),
            5 => Ok(Version::V5),
            _ => Err(Malformed("a protocol version")),
        })?,
        packet_bytes_max: fields.small()?,
        connect_bytes_max: fields.small()?,
        receive_maximum: fields.small()?,
        inflight_max: fields.small()?,
        topic_alias_maximum: fields.small()?,
        topic_alias_outgoing_max: fields.small()?,
        maximum_qos: QoS::from_bits(fields.byte()?).ok_or(Malformed("a QoS"))?,
        retain_available: fields.bool()?,
        wildcard_subscription_available: fields.bool()?,
        subscription_identifier_available: fields.bool()?,
        shared_subscription_available: fields.bool()?,
        session_expiry_max_s: fields.small()?,
        keep_alive_max_s: fields.small()?,
        connect_timeout: fields.duration()?,
        client_id_bytes_max: fields.small()?,
        topic_levels_max: fields.small()?,
        dollar_publish_denied: fields.bool()?,
        response_information: fields.option(|fields| fields.text().map(String::from))?,
        retry_interval: fields.option(Fields::duration)?,
    })
}

fn put_limits(limits: &Limits, out: &mut Vec<u8>) {
    let Limits {
        connections_max,
        output_bytes_max,
        write_timeout,
        linger_timeout,
        sessions_max,
        queue_messages_max,
        queue_bytes_max,
        queue_full,
        queue_qos0,
        subscriptions_max,
        retained_messages_max,
        retained_bytes_max,
        message_bytes_max,
        route_cache_max,
        packets_per_turn,
        deliveries_per_turn,
        peer_bytes_max,
        store_bytes_max,
        auth_requests_max,
        auth_timeout,
    } = limits;
    put_number(u64::from(*connections_max), out);
    put_number(u64::from(*output_bytes_max), out);
    put_duration(*write_timeout, out);
    put_duration(*linger_timeout, out);
    put_number(u64::from(*sessions_max), out);
    put_number(u64::from(*queue_messages_max), out);
    put_number(*queue_bytes_max, out);
    out.push(match queue_full {
        QueueFull::Refuse => 0,
        QueueFull::DropNewest => 1,
        QueueFull::DropOldest => 2,
    });
    put_bool(*queue_qos0, out);
    put_number(u64::from(*subscriptions_max), out);
    put_number(u64::from(*retained_messages_max), out);
    put_number(*retained_bytes_max, out);
    put_number(*message_bytes_max, out);
    put_number(u64::from(*route_cache_max), out);
    put_number(u64::from(*packets_per_turn), out);
    put_number(u64::from(*deliveries_per_turn), out);
    put_number(u64::from(*peer_bytes_max), out);
    put_number(u64::from(*store_bytes_max), out);
    put_number(u64::from(*auth_requests_max), out);
    put_duration(*auth_timeout, out);
}

fn read_limits(fields: &mut Fields<'_>) -> Result<Limits, Malformed> {
    Ok(Limits {
        connections_max: fields.small()?,
        output_bytes_max: fields.small()?,
        write_timeout: fields.duration()?,
        linger_timeout: fields.duration()?,
        sessions_max: fields.small()?,
        queue_messages_max: fields.small()?,
        queue_bytes_max: fields.number()?,
        queue_full: match fields.byte()? {
            0 => QueueFull::Refuse,
            1 => QueueFull::DropNewest,
            2 => QueueFull::DropOldest,
            _ => return Err(Malformed("a policy of full queues")),
        },
        queue_qos0: fields.bool()?,
        subscriptions_max: fields.small()?,
        retained_messages_max: fields.small()?,
        retained_bytes_max: fields.number()?,
        message_bytes_max: fields.number()?,
        route_cache_max: fields.small()?,
        packets_per_turn: fields.small()?,
        deliveries_per_turn: fields.small()?,
        peer_bytes_max: fields.small()?,
        store_bytes_max: fields.small()?,
        auth_requests_max: fields.small()?,
        auth_timeout: fields.duration()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn every_field_comes_back() {
        let mut config = Config { shards: 3, durable: true, ..Config::default() };
        config.listeners.push(Listener { name: "tls".into(), allow_anonymous: false, connections_max: 7 });
        config.authentication = Authentication::External { methods: alloc::vec!["SCRAM".into(), "PLAIN".into()] };
        let refuse = Effect::Refuse(ReasonCode::NotAuthorized);
        config.access = alloc::vec![
            Rule { effect: Effect::Allow, action: Action::Both, filter: "a/#".into() },
            Rule { effect: refuse, action: Action::Publish, filter: "+".into() },
            Rule { effect: refuse, action: Action::Subscribe, filter: "#".into() },
        ];
        config.mqtt.versions = alloc::vec![Version::V5, Version::V3_1];
        config.mqtt.maximum_qos = QoS::AtLeastOnce;
        config.mqtt.response_information = Some("info".into());
        config.mqtt.retry_interval = Some(Duration::from_millis(1_500));
        config.limits.queue_full = QueueFull::DropOldest;
        config.limits.message_bytes_max = u64::MAX;
        for config in [config, Config::default()] {
            let mut out = Vec::new();
            put_config(&config, &mut out);
            let mut fields = Fields(&out);
            assert_eq!(read_config(&mut fields), Ok(config));
            assert_eq!(fields.finish(), Ok(()));
            assert!((0..out.len()).all(|cut| read_config(&mut Fields(&out[..cut])).is_err()));
        }
    }
}
