//! Property lists (MQTT 5.0, 2.2.2): checked once when they are read, then a view into the received bytes.
//!
//! A list stays in its wire form, so that it can be kept, forwarded and written again by copying bytes; an accessor walks
//! it. Whether a property makes sense in the state of a connection is not looked at here.

use alloc::vec::Vec;
use core::fmt;

use super::property::{Property, PropertySet, id};
use super::reader::Reader;
use super::varint::{VARINT_MAX, varint_len, write_varint};
use super::{QoS, Version, Violation};

/// The valid property list of one packet: the bytes after the Property Length. The default is the empty list, which is
/// also what every packet of 3.1 and 3.1.1 has.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Properties<'a> {
    /// Whole properties with values of their type, one after the other.
    bytes: &'a [u8],
    /// The identifiers that occur, one bit each: what is not there need not be looked for among thousands of others.
    kinds: u64,
}

/// The bit of a property in [`Properties::kinds`]. All identifiers are below 64.
const fn kind(identifier: u8) -> u64 {
    1 << identifier
}

impl<'a> Properties<'a> {
    /// The empty list.
    pub const EMPTY: Self = Self { bytes: &[], kinds: 0 };

    /// Checks `bytes`, a list without its Property Length, for the place where it stands.
    ///
    /// # Errors
    ///
    /// An identifier that is [not defined](Violation::UnknownProperty) or
    /// [not allowed](Violation::PropertyNotAllowed) there, a second one of a kind that may come
    /// [once](Violation::DuplicateProperty), a value that is cut, not of its type or out of its range, and
    /// [Authentication Data without a method](Violation::AuthDataWithoutMethod).
    pub fn decode(bytes: &'a [u8], place: PropertySet) -> Result<Self, Violation> {
        let mut reader = Reader::new(bytes);
        let mut kinds = 0;
        while !reader.is_empty() {
            let property = Property::read(&mut reader)?;
            let bit = kind(property.identifier());
            if !property.allowed_in(place) {
                return Err(Violation::PropertyNotAllowed);
            }
            if kinds & bit != 0 && !property.repeatable_in(place) {
                return Err(Violation::DuplicateProperty);
            }
            kinds |= bit;
        }
        if kinds & (kind(id::AUTHENTICATION_DATA) | kind(id::AUTHENTICATION_METHOD)) == kind(id::AUTHENTICATION_DATA) {
            return Err(Violation::AuthDataWithoutMethod);
        }
        Ok(Self { bytes, kinds })
    }

    /// Reads a Property Length and the list that it measures.
    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>, place: PropertySet) -> Result<Self, Violation> {
        match reader.varint()? {
            0 => Ok(Self::EMPTY),
            size => Self::decode(reader.bytes(size as usize)?, place),
        }
    }

    /// Reads the list of a packet that has one in 5.0 and none before.
    #[inline]
    pub(super) fn read_for(version: Version, reader: &mut Reader<'a>, place: PropertySet) -> Result<Self, Violation> {
        match version {
            Version::V5 => Self::read(reader, place),
            Version::V3_1 | Version::V3_1_1 => Ok(Self::EMPTY),
        }
    }

    /// The list as it is on the wire, without the Property Length.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there is no property.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The properties in their order.
    #[inline]
    pub const fn iter(&self) -> PropertyIter<'a> {
        PropertyIter { reader: Reader::new(self.bytes) }
    }

    /// How many bytes the list takes in a packet, its Property Length included.
    #[inline]
    pub const fn encoded_size(&self) -> usize {
        let size = self.bytes.len();
        let length = if size > VARINT_MAX as usize { VARINT_MAX } else { size as u32 };
        varint_len(length) + size
    }

    /// Appends the Property Length and the list. The callers write no packet above the largest Remaining Length, so the
    /// length fits.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_varint(self.bytes.len() as u32, out);
        out.extend_from_slice(self.bytes);
    }

    /// Appends the list where the version has one.
    #[inline]
    pub(super) fn write_for(&self, version: Version, out: &mut Vec<u8>) {
        match version {
            Version::V5 => self.write(out),
            Version::V3_1 | Version::V3_1_1 => {}
        }
    }

    /// How many bytes [`Properties::write_for`] appends.
    #[inline]
    pub(super) const fn encoded_size_for(&self, version: Version) -> usize {
        match version {
            Version::V5 => self.encoded_size(),
            Version::V3_1 | Version::V3_1_1 => 0,
        }
    }

    /// Whether one of these kinds of properties is there. It costs the same however long the list is.
    #[inline]
    pub(crate) const fn has_any(&self, identifiers: &[u8]) -> bool {
        let (mut wanted, mut index) = (0, 0);
        while index < identifiers.len() {
            wanted |= kind(identifiers[index]);
            index += 1;
        }
        self.kinds & wanted != 0
    }

    /// What `pick` makes of the first property that it wants, all of which have this identifier.
    #[inline]
    fn find<T>(&self, identifier: u8, pick: impl Fn(Property<'a>) -> Option<T>) -> Option<T> {
        if self.kinds & kind(identifier) == 0 { None } else { self.iter().find_map(pick) }
    }
}

/// Writes the accessors: name, variant, type, documentation.
macro_rules! accessors {
    ($($name:ident, $variant:ident, $id:ident, $type:ty, $text:literal;)+) => {
        impl<'a> Properties<'a> {
            $(#[doc = $text]
            pub fn $name(&self) -> Option<$type> {
                self.find(id::$id, |property| if let Property::$variant(value) = property { Some(value) } else { None })
            })+
        }
    };
}

accessors! {
    payload_format_indicator, PayloadFormatIndicator, PAYLOAD_FORMAT_INDICATOR, bool, "Payload Format Indicator: whether the payload is UTF-8 (3.3.2.3.2).";
    message_expiry_interval, MessageExpiryInterval, MESSAGE_EXPIRY_INTERVAL, u32, "Message Expiry Interval in seconds; `None` is never (3.3.2.3.3).";
    content_type, ContentType, CONTENT_TYPE, &'a str, "Content Type (3.3.2.3.9).";
    response_topic, ResponseTopic, RESPONSE_TOPIC, &'a str, "Response Topic, a valid topic name (3.3.2.3.5).";
    correlation_data, CorrelationData, CORRELATION_DATA, &'a [u8], "Correlation Data (3.3.2.3.6).";
    subscription_identifier, SubscriptionIdentifier, SUBSCRIPTION_IDENTIFIER, u32, "The first Subscription Identifier, 1..=268,435,455 (3.8.2.1.2).";
    session_expiry_interval, SessionExpiryInterval, SESSION_EXPIRY_INTERVAL, u32, "Session Expiry Interval in seconds; 0xFFFF_FFFF is never (3.1.2.11.2).";
    assigned_client_identifier, AssignedClientIdentifier, ASSIGNED_CLIENT_IDENTIFIER, &'a str, "Assigned Client Identifier (3.2.2.3.7).";
    server_keep_alive, ServerKeepAlive, SERVER_KEEP_ALIVE, u16, "Server Keep Alive in seconds (3.2.2.3.14).";
    authentication_method, AuthenticationMethod, AUTHENTICATION_METHOD, &'a str, "Authentication Method (3.1.2.11.9).";
    authentication_data, AuthenticationData, AUTHENTICATION_DATA, &'a [u8], "Authentication Data (3.1.2.11.10).";
    will_delay_interval, WillDelayInterval, WILL_DELAY_INTERVAL, u32, "Will Delay Interval in seconds; `None` is 0 (3.1.3.2.2).";
    response_information, ResponseInformation, RESPONSE_INFORMATION, &'a str, "Response Information (3.2.2.3.15).";
    server_reference, ServerReference, SERVER_REFERENCE, &'a str, "Server Reference (3.2.2.3.16).";
    reason_string, ReasonString, REASON_STRING, &'a str, "Reason String (3.2.2.3.9).";
    receive_maximum, ReceiveMaximum, RECEIVE_MAXIMUM, u16, "Receive Maximum, 1..=65535; `None` is 65535 (3.1.2.11.3).";
    topic_alias_maximum, TopicAliasMaximum, TOPIC_ALIAS_MAXIMUM, u16, "Topic Alias Maximum; `None` is 0 (3.1.2.11.5).";
    topic_alias, TopicAlias, TOPIC_ALIAS, u16, "Topic Alias, not 0 (3.3.2.3.4).";
    maximum_qos, MaximumQoS, MAXIMUM_QOS, QoS, "Maximum QoS, 0 or 1; `None` is 2 (3.2.2.3.4).";
    maximum_packet_size, MaximumPacketSize, MAXIMUM_PACKET_SIZE, u32, "Maximum Packet Size in bytes, not 0; `None` is no limit (3.1.2.11.4).";
}

/// Writes the accessors of flags with a default.
macro_rules! flags {
    ($($name:ident, $variant:ident, $id:ident, $default:literal, $text:literal;)+) => {
        impl Properties<'_> {
            $(#[doc = $text]
            pub fn $name(&self) -> bool {
                self.find(id::$id, |property| if let Property::$variant(value) = property { Some(value) } else { None })
                    .unwrap_or($default)
            })+
        }
    };
}

flags! {
    request_problem_information, RequestProblemInformation, REQUEST_PROBLEM_INFORMATION, true, "Request Problem Information, true when it is missing (3.1.2.11.7).";
    request_response_information, RequestResponseInformation, REQUEST_RESPONSE_INFORMATION, false, "Request Response Information, false when it is missing (3.1.2.11.6).";
    retain_available, RetainAvailable, RETAIN_AVAILABLE, true, "Retain Available, true when it is missing (3.2.2.3.5).";
    wildcard_subscription_available, WildcardSubscriptionAvailable, WILDCARD_SUBSCRIPTION_AVAILABLE, true, "Wildcard Subscription Available, true when it is missing (3.2.2.3.11).";
    subscription_identifier_available, SubscriptionIdentifierAvailable, SUBSCRIPTION_IDENTIFIER_AVAILABLE, true, "Subscription Identifier Available, true when it is missing (3.2.2.3.12).";
    shared_subscription_available, SharedSubscriptionAvailable, SHARED_SUBSCRIPTION_AVAILABLE, true, "Shared Subscription Available, true when it is missing (3.2.2.3.13).";
}

impl<'a> Properties<'a> {
    /// The Subscription Identifiers in their order; a server's PUBLISH may have several (MQTT-3.3.4-4).
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let list = if self.has_any(&[id::SUBSCRIPTION_IDENTIFIER]) { *self } else { Self::EMPTY };
        list.iter().filter_map(
            |property| if let Property::SubscriptionIdentifier(value) = property { Some(value) } else { None },
        )
    }

    /// Names and values of the User Properties, in their order, which forwarding keeps (MQTT-3.3.2-18).
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.iter().filter_map(|property| {
            if let Property::UserProperty(name, value) = property { Some((name, value)) } else { None }
        })
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// The properties of a [`Properties`], in their order.
#[derive(Clone, Debug)]
pub struct PropertyIter<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    #[inline]
    fn next(&mut self) -> Option<Property<'a>> {
        if self.reader.is_empty() {
            return None;
        }
        // The list was checked when it was made, so this is never an error.
        Property::read(&mut self.reader).ok()
    }
}

/// Properties to be sent, in one re-usable allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyBuffer {
    bytes: Vec<u8>,
    kinds: u64,
}

impl PropertyBuffer {
    /// An empty list; it allocates at the first [`push`](Self::push).
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), kinds: 0 }
    }

    /// Appends a property. It is the caller's business that the packet may have it, and have it again.
    pub fn push(&mut self, property: Property<'_>) {
        property.encode(&mut self.bytes);
        self.kinds |= kind(property.identifier());
    }

    /// Appends all properties of another list.
    pub fn extend(&mut self, properties: Properties<'_>) {
        self.bytes.extend_from_slice(properties.bytes);
        self.kinds |= properties.kinds;
    }

    /// Forgets the properties and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.kinds = 0;
    }

    /// Forgets all properties from byte `size` on; `size` is an earlier [`len`](Self::len).
    pub fn truncate(&mut self, size: usize) {
        self.bytes.truncate(size);
        let rest = PropertyIter { reader: Reader::new(&self.bytes) };
        self.kinds = rest.fold(0, |kinds, property| kinds | kind(property.identifier()));
    }

    /// The size in bytes so far, without a Property Length.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no property.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The list for a packet to send.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { bytes: &self.bytes, kinds: self.kinds }
    }
}

impl<'a> FromIterator<Property<'a>> for PropertyBuffer {
    fn from_iter<I: IntoIterator<Item = Property<'a>>>(properties: I) -> Self {
        let mut buffer = Self::new();
        for property in properties {
            buffer.push(property);
        }
        buffer
    }
}
