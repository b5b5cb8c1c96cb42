//! The properties of MQTT 5.0 (2.2.2.2) as one list.

use super::codec::{Field, Reader, VarInt};

macro_rules! properties {
    ($($id:literal $name:ident($kind:ty)),* $(,)?) => {
        /// A property of MQTT 5.0, section 2.2.2.2, by its name there.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Property { $($name($kind)),* }

        impl Property {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => { VarInt($id).put(out); value.put(out); })*
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, String> {
                let VarInt(id) = from.field()?;
                match id {
                    $($id => Ok(Self::$name(from.field()?)),)*
                    unknown => Err(format!("property {unknown:#04x} is not known")),
                }
            }
        }
    };
}

properties! {
    0x01 PayloadFormatIndicator(u8),
    0x02 MessageExpiryInterval(u32),
    0x03 ContentType(String),
    0x08 ResponseTopic(String),
    0x09 CorrelationData(Vec<u8>),
    0x0B SubscriptionIdentifier(VarInt),
    0x11 SessionExpiryInterval(u32),
    0x12 AssignedClientIdentifier(String),
    0x13 ServerKeepAlive(u16),
    0x15 AuthenticationMethod(String),
    0x16 AuthenticationData(Vec<u8>),
    0x17 RequestProblemInformation(u8),
    0x18 WillDelayInterval(u32),
    0x19 RequestResponseInformation(u8),
    0x1A ResponseInformation(String),
    0x1C ServerReference(String),
    0x1F ReasonString(String),
    0x21 ReceiveMaximum(u16),
    0x22 TopicAliasMaximum(u16),
    0x23 TopicAlias(u16),
    0x24 MaximumQoS(u8),
    0x25 RetainAvailable(u8),
    0x26 UserProperty((String, String)),
    0x27 MaximumPacketSize(u32),
    0x28 WildcardSubscriptionAvailable(u8),
    0x29 SubscriptionIdentifierAvailable(u8),
    0x2A SharedSubscriptionAvailable(u8),
}

impl Property {
    /// A User Property.
    pub fn user(name: &str, value: &str) -> Self {
        Self::UserProperty((name.into(), value.into()))
    }
}

/// Writes a property list with its length in front.
pub(super) fn put_properties(properties: &[Property], out: &mut Vec<u8>) {
    let mut list = Vec::new();
    for property in properties {
        property.put(&mut list);
    }
    VarInt(list.len() as u32).put(out);
    out.extend(list);
}

/// Reads a property list with its length in front.
pub(super) fn take_properties(from: &mut Reader<'_>) -> Result<Vec<Property>, String> {
    let VarInt(len) = from.field()?;
    let mut list = Reader(from.bytes(len as usize)?);
    let mut properties = Vec::new();
    while !list.is_empty() {
        properties.push(Property::take(&mut list)?);
    }
    Ok(properties)
}
