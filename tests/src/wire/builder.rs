//! Packets in the words of the test: `connect("id").v5().clean(true).keep_alive(10)`.

use super::codec::VarInt;
use super::packet::*;
use super::property::Property;

/// A CONNECT of MQTT 3.1.1 with CleanSession 1, no Keep Alive and no will.
pub fn connect(client_id: &str) -> Connect {
    Connect {
        version: Version::V311,
        clean: true,
        keep_alive_s: 0,
        client_id: client_id.into(),
        will: None,
        user_name: None,
        password: None,
        properties: Vec::new(),
    }
}

impl Connect {
    /// As MQTT 3.1.
    pub fn v31(self) -> Self {
        self.version(Version::V31)
    }
    /// As MQTT 3.1.1.
    pub fn v311(self) -> Self {
        self.version(Version::V311)
    }
    /// As MQTT 5.0.
    pub fn v5(self) -> Self {
        self.version(Version::V5)
    }
    /// As this version.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }
    /// Sets Clean Start, before 5.0 CleanSession.
    pub fn clean(mut self, clean: bool) -> Self {
        self.clean = clean;
        self
    }
    /// Sets Keep Alive in seconds.
    pub fn keep_alive(mut self, seconds: u16) -> Self {
        self.keep_alive_s = seconds;
        self
    }
    /// Gives it a will that is not retained.
    pub fn will(mut self, topic: &str, payload: &[u8], qos: u8) -> Self {
        self.will =
            Some(Will { topic: topic.into(), payload: payload.into(), qos, retain: false, properties: Vec::new() });
        self
    }
    /// Makes the will a retained one.
    pub fn will_retain(mut self) -> Self {
        self.will.as_mut().expect("a will before its retain flag").retain = true;
        self
    }
    /// Adds a property to the will.
    pub fn will_property(mut self, property: Property) -> Self {
        self.will.as_mut().expect("a will before its properties").properties.push(property);
        self
    }
    /// Sets the user name.
    pub fn user_name(mut self, user_name: &str) -> Self {
        self.user_name = Some(user_name.into());
        self
    }
    /// Sets the password.
    pub fn password(mut self, password: &[u8]) -> Self {
        self.password = Some(password.into());
        self
    }
    /// Sets the Session Expiry Interval in seconds.
    pub fn session_expiry(self, seconds: u32) -> Self {
        self.property(Property::SessionExpiryInterval(seconds))
    }
    /// Sets the Receive Maximum.
    pub fn receive_maximum(self, messages: u16) -> Self {
        self.property(Property::ReceiveMaximum(messages))
    }
}

/// A PUBLISH at QoS 0.
pub fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Publish {
    Publish {
        dup: false,
        qos: 0,
        retain: false,
        topic: topic.into(),
        id: None,
        properties: Vec::new(),
        payload: payload.as_ref().into(),
    }
}

impl Publish {
    /// Sets the QoS bits, and Packet Identifier 1 if QoS 1 or above has none yet.
    pub fn qos(mut self, qos: u8) -> Self {
        self.qos = qos;
        if qos > 0 && self.id.is_none() {
            self.id = Some(1);
        }
        self
    }
    /// Sets the Packet Identifier.
    pub fn id(mut self, id: u16) -> Self {
        self.id = Some(id);
        self
    }
    /// Sets DUP.
    pub fn dup(mut self) -> Self {
        self.dup = true;
        self
    }
    /// Sets RETAIN.
    pub fn retain(mut self) -> Self {
        self.retain = true;
        self
    }
}

/// A SUBSCRIBE to these filters at these QoS.
pub fn subscribe<const N: usize>(id: u16, filters: [(&str, u8); N]) -> Subscribe {
    let filters = filters.map(|(filter, options)| Filter { filter: filter.into(), options });
    Subscribe { id, properties: Vec::new(), filters: filters.into() }
}

impl Subscribe {
    fn options(mut self, bits: u8) -> Self {
        for filter in &mut self.filters {
            filter.options |= bits;
        }
        self
    }
    /// No Local on every filter.
    pub fn no_local(self) -> Self {
        self.options(0x04)
    }
    /// Retain As Published on every filter.
    pub fn retain_as_published(self) -> Self {
        self.options(0x08)
    }
    /// Retain Handling of every filter.
    pub fn retain_handling(self, handling: u8) -> Self {
        self.options(handling << 4)
    }
    /// Sets the Subscription Identifier.
    pub fn identifier(self, identifier: u32) -> Self {
        self.property(Property::SubscriptionIdentifier(VarInt(identifier)))
    }
}

/// An UNSUBSCRIBE.
pub fn unsubscribe<const N: usize>(id: u16, filters: [&str; N]) -> Unsubscribe {
    Unsubscribe { id, properties: Vec::new(), filters: filters.map(String::from).into() }
}

/// A DISCONNECT with code 0x00.
pub fn disconnect() -> Disconnect {
    Disconnect { code: 0, properties: Vec::new() }
}

impl Disconnect {
    /// Sets the Reason Code.
    pub fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }
}

/// An AUTH.
pub fn auth(code: u8) -> Auth {
    Auth { code, properties: Vec::new() }
}

/// A PINGREQ.
pub fn ping() -> Packet {
    Packet::PingReq
}

/// A PINGRESP.
pub fn pong() -> Packet {
    Packet::PingResp
}

fn ack(id: u16) -> Ack {
    Ack { id, code: 0, properties: Vec::new() }
}

/// A PUBACK with code 0x00.
pub fn puback(id: u16) -> Packet {
    Packet::PubAck(ack(id))
}

/// A PUBREC with code 0x00.
pub fn pubrec(id: u16) -> Packet {
    Packet::PubRec(ack(id))
}

/// A PUBREL with code 0x00.
pub fn pubrel(id: u16) -> Packet {
    Packet::PubRel(ack(id))
}

/// A PUBCOMP with code 0x00.
pub fn pubcomp(id: u16) -> Packet {
    Packet::PubComp(ack(id))
}

/// A CONNACK.
pub fn connack(session_present: bool, code: u8) -> ConnAck {
    ConnAck { session_present, code, properties: Vec::new() }
}

/// A SUBACK.
pub fn suback<const N: usize>(id: u16, codes: [u8; N]) -> SubAck {
    SubAck { id, properties: Vec::new(), codes: codes.into() }
}

/// An UNSUBACK.
pub fn unsuback<const N: usize>(id: u16, codes: [u8; N]) -> UnsubAck {
    UnsubAck { id, properties: Vec::new(), codes: codes.into() }
}

impl Packet {
    /// Sets the Reason Code of an acknowledgement.
    pub fn with_code(mut self, code: u8) -> Self {
        match &mut self {
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => ack.code = code,
            other => panic!("{other:?} is no acknowledgement"),
        }
        self
    }
}

macro_rules! property {
    ($($name:ident),*) => { $(
        impl $name {
            /// Adds a property.
            pub fn property(mut self, property: Property) -> Self {
                self.properties.push(property);
                self
            }
        }
    )* };
}

property!(Connect, ConnAck, Publish, Subscribe, SubAck, Unsubscribe, UnsubAck, Disconnect, Auth, Ack);
