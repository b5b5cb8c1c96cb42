//! Finds the secret bytes in one direction of a connection, however its packets are cut into pieces.
//!
//! Secret are the password of CONNECT, the Authentication Data of CONNECT, CONNACK and AUTH and, if asked for, the payloads
//! of PUBLISH and of wills. A packet is walked by its lengths and nothing is kept of it. Where the walk finds that a
//! broker must refuse the packet, and so looks at nothing behind that place, everything behind it is secret: a password
//! behind a wrong length too. This is no second check of packets: what is not secret passes, right or wrong.

use crate::packet::{PacketType, Version};

/// What secret bytes are replaced by. It is UTF-8 whatever its length.
const FILLER: [u8; 64] = [b'*'; 64];

const AUTHENTICATION_DATA: u8 = 0x16;

/// One part of a packet's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This many bytes.
    Fixed(u8),
    /// The version in CONNECT.
    Level,
    /// The Connect Flags.
    Flags,
    /// Bytes behind their length of two bytes.
    Text,
    /// The same, secret.
    Secret,
    /// The same, secret if payloads are.
    Payload,
    /// Properties that may have Authentication Data.
    Properties,
    /// Properties without secrets.
    Skipped,
    /// The rest of the packet.
    Rest,
    /// The same, secret.
    SecretRest,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// The first byte of a packet.
    First,
    /// The Remaining Length.
    Length,
    /// A length of two bytes, of which some have come; bytes follow, secret or not.
    Length2 { come: u8, secret: bool },
    /// The Property Length.
    PropertyLength { scan: bool },
    /// The identifier of a property.
    Identifier,
    /// A Variable Byte Integer in a property.
    VarInt,
    /// The first length of a string pair.
    PairLength { come: u8 },
    /// The first string of a pair.
    PairName,
    /// Bytes, as many as `need` says.
    Bytes { secret: bool },
    /// The Connect Flags or the version, one byte.
    Single(Part),
    /// No packet can begin here: the broker has closed.
    Lost,
}

/// The state of one direction.
#[derive(Clone, Debug)]
pub(super) struct Redactor {
    payloads: bool,
    /// Whether the bytes are a client's, which begin with CONNECT.
    incoming: bool,
    version: Option<Version>,
    packet: Option<PacketType>,
    /// The flags of PUBLISH, then those of CONNECT.
    flags: u8,
    /// Which part of the packet comes next.
    place: u8,
    field: Field,
    /// Bytes left of the packet's body, of the property list and of the field.
    left: u32,
    list: Option<u32>,
    need: u32,
    /// A number that is being read.
    value: u32,
    shift: u8,
}

impl Redactor {
    pub(super) const fn new(payloads: bool, incoming: bool) -> Self {
        Self {
            payloads,
            incoming,
            version: None,
            packet: None,
            flags: 0,
            place: 0,
            field: Field::First,
            left: 0,
            list: None,
            need: 0,
            value: 0,
            shift: 0,
        }
    }

    /// The version that the client named, once it has.
    pub(super) const fn version(&self) -> Option<Version> {
        self.version
    }

    /// Tells the direction of the broker which version the client named.
    pub(super) const fn set_version(&mut self, version: Option<Version>) {
        self.version = version;
    }

    /// Hands the bytes on, secret ones replaced, in pieces as they come.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut keep: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let (count, secret) = self.step(bytes);
            let (done, rest) = bytes.split_at(count);
            if secret {
                done.chunks(FILLER.len()).for_each(|chunk| keep(&FILLER[..chunk.len()]));
            } else {
                keep(done);
            }
            bytes = rest;
        }
    }

    /// Takes bytes from the front: how many, at least one, and whether they are secret.
    fn step(&mut self, bytes: &[u8]) -> (usize, bool) {
        let first = bytes[0];
        match self.field {
            Field::Lost => (bytes.len(), true),
            Field::First => {
                self.packet = PacketType::from_bits(first >> 4);
                self.flags = first & 0x0f;
                self.start_number(Field::Length);
                (1, false)
            }
            Field::Length => {
                self.length(first);
                (1, false)
            }
            Field::Bytes { secret } => {
                let count = bytes.len().min(self.need as usize);
                self.need -= count as u32;
                self.take(count as u32);
                if self.need == 0 {
                    self.next();
                }
                (count, secret)
            }
            Field::PairName => {
                let count = bytes.len().min(self.need as usize);
                self.need -= count as u32;
                self.take(count as u32);
                if self.need == 0 {
                    self.start_number(Field::Length2 { come: 0, secret: false });
                }
                (count, false)
            }
            field => {
                self.take(1);
                self.byte(field, first);
                (1, false)
            }
        }
    }

    /// One byte of a field that is read byte by byte.
    fn byte(&mut self, field: Field, byte: u8) {
        match field {
            Field::Length2 { come: 0, secret } => {
                self.value = u32::from(byte) << 8;
                self.go_on(Field::Length2 { come: 1, secret });
            }
            Field::Length2 { secret, .. } => self.bytes(self.value | u32::from(byte), Field::Bytes { secret }),
            Field::PairLength { come: 0 } => {
                self.value = u32::from(byte) << 8;
                self.go_on(Field::PairLength { come: 1 });
            }
            Field::PairLength { .. } => self.pair_name(self.value | u32::from(byte)),
            Field::PropertyLength { scan } => {
                if let Some(length) = self.varint(byte) {
                    self.properties(length, scan);
                }
            }
            Field::VarInt => {
                if self.varint(byte).is_some() {
                    self.next();
                }
            }
            Field::Identifier => self.property(byte),
            Field::Single(part) => self.single(part, byte),
            Field::First | Field::Length | Field::Bytes { .. } | Field::PairName | Field::Lost => {}
        }
    }

    const fn take(&mut self, count: u32) {
        self.left -= count;
        if let Some(list) = &mut self.list {
            *list -= count;
        }
    }

    const fn start_number(&mut self, field: Field) {
        self.field = field;
        self.value = 0;
        self.shift = 0;
    }

    /// Bytes that may still come of the property list, or of the packet outside of one.
    const fn room(&self) -> u32 {
        match self.list {
            Some(list) => list,
            None => self.left,
        }
    }

    /// The field has more bytes; if the packet has not, it is broken.
    fn go_on(&mut self, field: Field) {
        self.field = field;
        if self.room() == 0 {
            self.broken();
        }
    }

    /// The broker refuses the packet here, so the rest of it says nothing.
    fn broken(&mut self) {
        self.list = None;
        self.need = self.left;
        self.place = u8::MAX;
        self.field = if self.left == 0 { Field::First } else { Field::Bytes { secret: true } };
    }

    /// A byte of the Remaining Length.
    fn length(&mut self, byte: u8) {
        self.value |= u32::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        if byte & 0x80 == 0 {
            self.left = self.value;
            self.place = 0;
            self.list = None;
            self.next();
        } else if self.shift == 28 {
            self.field = Field::Lost;
        }
    }

    /// A byte of a Variable Byte Integer in the body: its value after the last one.
    fn varint(&mut self, byte: u8) -> Option<u32> {
        self.value |= u32::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        if byte & 0x80 == 0 {
            return Some(self.value);
        }
        if self.shift == 28 || self.room() == 0 {
            self.broken();
        }
        None
    }

    /// A length was read: so many bytes follow.
    fn bytes(&mut self, length: u32, field: Field) {
        if length > self.room() {
            return self.broken();
        }
        self.need = length;
        self.field = field;
        if length == 0 {
            self.next();
        }
    }

    fn pair_name(&mut self, length: u32) {
        if length >= self.room() {
            return self.broken();
        }
        self.need = length;
        self.field = Field::PairName;
        if length == 0 {
            self.start_number(Field::Length2 { come: 0, secret: false });
        }
    }

    fn properties(&mut self, length: u32, scan: bool) {
        if length > self.left {
            return self.broken();
        }
        if scan {
            self.list = Some(length);
            self.next();
        } else {
            self.bytes(length, Field::Bytes { secret: false });
        }
    }

    /// The identifier of a property: what its value looks like (MQTT 5.0, 2.2.2.2).
    fn property(&mut self, identifier: u8) {
        let size = match identifier {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
            0x13 | 0x21 | 0x22 | 0x23 => 2,
            0x02 | 0x11 | 0x18 | 0x27 => 4,
            0x0b => {
                self.start_number(Field::VarInt);
                return self.go_on(Field::VarInt);
            }
            0x26 => return self.go_on(Field::PairLength { come: 0 }),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | AUTHENTICATION_DATA | 0x1a | 0x1c | 0x1f => {
                return self.go_on(Field::Length2 { come: 0, secret: identifier == AUTHENTICATION_DATA });
            }
            _ => return self.broken(),
        };
        self.bytes(size, Field::Bytes { secret: false });
    }

    fn single(&mut self, part: Part, byte: u8) {
        if part == Part::Flags {
            self.flags = byte;
            return self.next();
        }
        match byte {
            3 => self.version = Some(Version::V3_1),
            4 => self.version = Some(Version::V3_1_1),
            5 => self.version = Some(Version::V5),
            // Nobody knows where a password would be, and the broker knows no better.
            _ => return self.broken(),
        }
        self.next();
    }

    /// A field is over: what is next.
    fn next(&mut self) {
        loop {
            match self.list {
                Some(0) => self.list = None,
                Some(_) => return self.field = Field::Identifier,
                None => {}
            }
            if self.left == 0 {
                return self.field = Field::First;
            }
            let part = self.part();
            self.place = self.place.saturating_add(1);
            match part {
                None => {}
                Some(part) => return self.begin(part),
            }
        }
    }

    fn begin(&mut self, part: Part) {
        match part {
            Part::Fixed(size) => self.bytes(u32::from(size), Field::Bytes { secret: false }),
            Part::Level | Part::Flags => self.field = Field::Single(part),
            Part::Text => self.start_number(Field::Length2 { come: 0, secret: false }),
            Part::Secret => self.start_number(Field::Length2 { come: 0, secret: true }),
            Part::Payload => self.start_number(Field::Length2 { come: 0, secret: self.payloads }),
            Part::Properties => self.start_number(Field::PropertyLength { scan: true }),
            Part::Skipped => self.start_number(Field::PropertyLength { scan: false }),
            Part::Rest => self.bytes(self.left, Field::Bytes { secret: false }),
            Part::SecretRest => self.bytes(self.left, Field::Bytes { secret: true }),
        }
    }

    /// The part at this place of the packet; `None` when this packet does not have it.
    fn part(&self) -> Option<Part> {
        let v5 = self.version == Some(Version::V5);
        match self.packet {
            Some(PacketType::Connect) if self.incoming => self.connect_part(),
            _ if self.incoming && self.version.is_none() => Some(Part::SecretRest),
            Some(PacketType::Publish) if self.payloads => match self.place {
                0 => Some(Part::Text),
                1 => (self.flags & 0b0110 != 0).then_some(Part::Fixed(2)),
                2 => v5.then_some(Part::Skipped),
                _ => Some(Part::SecretRest),
            },
            Some(PacketType::Auth) if v5 => match self.place {
                0 => Some(Part::Fixed(1)),
                1 => Some(Part::Properties),
                _ => Some(Part::Rest),
            },
            Some(PacketType::ConnAck) if v5 => match self.place {
                0 => Some(Part::Fixed(2)),
                1 => Some(Part::Properties),
                _ => Some(Part::Rest),
            },
            _ => Some(Part::Rest),
        }
    }

    /// CONNECT, in the order of MQTT 5.0, 3.1.
    fn connect_part(&self) -> Option<Part> {
        let v5 = self.version == Some(Version::V5);
        let has = |flag: u8| self.flags & flag != 0;
        match self.place {
            0 => Some(Part::Text),
            1 => Some(Part::Level),
            2 => Some(Part::Flags),
            3 => Some(Part::Fixed(2)),
            4 => v5.then_some(Part::Properties),
            5 => Some(Part::Text),
            6 => (v5 && has(0x04)).then_some(Part::Skipped),
            7 => has(0x04).then_some(Part::Text),
            8 => has(0x04).then_some(Part::Payload),
            9 => has(0x80).then_some(Part::Text),
            10 => has(0x40).then_some(Part::Secret),
            _ => Some(Part::SecretRest),
        }
    }
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
