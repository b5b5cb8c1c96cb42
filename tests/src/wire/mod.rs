//! An MQTT 3.1, 3.1.1 and 5.0 codec for tests: small owned packets, simple and naive on purpose.
//!
//! It shares no code with the core. It encodes what it is told, sensible or not, and [`raw`] encodes the rest; it decodes
//! strictly, so that a byte too many from the broker fails a test.

mod builder;
mod codec;
mod decode;
mod encode;
mod packet;
mod property;
pub mod raw;
#[cfg(test)]
mod tests;

pub use builder::{
    auth, connack, connect, disconnect, ping, pong, puback, pubcomp, publish, pubrec, pubrel, suback, subscribe,
    unsuback, unsubscribe,
};
pub use codec::VarInt;
pub use decode::{decode, frame_len};
pub use encode::ToWire;
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Filter, Packet, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe,
    Version, Will,
};
pub use property::Property;
