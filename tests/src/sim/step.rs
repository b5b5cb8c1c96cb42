//! What is done to the broker and its world, as data: a run is a list of these.

use std::fmt;

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident $word:literal { $($field:ident),* }),* $(,)?) => {
        /// One thing that happens. Every field is a number, and what makes no sense when its turn comes is left out, so
        /// that any part of a list of steps is a list of steps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Step { $($(#[$doc])* $name { $($field: u64),* }),* }

        /// The word and the fields that are not 0.
        impl fmt::Display for Step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name { $($field),* } => {
                        f.write_str($word)?;
                        $(if $field > 0 { write!(f, concat!(" ", stringify!($field), "={}"), $field)?; })*
                        Ok(())
                    })*
                }
            }
        }

        impl Step {
            /// Reads what `Display` wrote.
            ///
            /// # Errors
            /// When a word or a field is not known.
            pub fn parse(text: &str) -> Result<Self, String> {
                let mut parts = text.split_whitespace();
                match parts.next() {
                    $(Some($word) => {
                        $(let mut $field = 0;)*
                        for part in parts {
                            match super::scenario::assignment(part)? {
                                $((stringify!($field), value) => $field = value,)*
                                (other, _) => return Err(format!("{} has no {other}", $word)),
                            }
                        }
                        Ok(Self::$name { $($field),* })
                    })*
                    other => Err(format!("no step {other:?}")),
                }
            }
        }
    };
}

steps! {
    /// A client opens a connection and sends CONNECT; an older connection is left to be taken over. `will` is a topic's
    /// number plus one. `silent`: it sends no PINGREQ of itself. Where
    /// the broker asks, `method` 1 is enhanced authentication (5.0), and with `wrong` it does not know the secret.
    Connect "connect" {
        client, clean, expiry_s, keep_alive_s, silent, shard, receive_maximum, packet_bytes, alias_max,
        will, will_qos, will_retain, will_delay_s, method, wrong
    },
    /// A client publishes, and `more` messages like that behind it: together they may be a run.
    Publish "publish" { client, topic, qos, retain, bytes, expiry_s, alias, more },
    /// A client removes a retained message.
    Unretain "unretain" { client, topic, qos },
    /// A client subscribes.
    Subscribe "subscribe" { client, filter, qos, no_local, as_published, handling, identifier },
    /// A client unsubscribes.
    Unsubscribe "unsubscribe" { client, filter },
    /// A client sends PINGREQ.
    Ping "ping" { client },
    /// A client sends DISCONNECT and closes; with `expiry` it sets the Session Expiry Interval to `expiry` minus one.
    Disconnect "disconnect" { client, code, expiry },
    /// A client authenticates itself again (5.0), with `wrong` in vain.
    Again "again" { client, wrong },
    /// A client that is no other connects and leaves; its session lasts.
    Stranger "stranger" { number, shard, expiry_s },
    /// The connection of a client fails.
    Reset "reset" { client },
    /// A client closes its side and reads on.
    HalfClose "half-close" { client },
    /// How a client acknowledges: 0 at once, 1 not at all, 2 one now and then.
    Acks "acks" { client, mode },
    /// How a client reads: 0 at once, 1 not at all, 2 a few bytes now and then.
    Reads "reads" { client, mode },
    /// What a client sends arrives nowhere for a while.
    Stall "stall" { client, ms },
    /// Somebody who knows no manners connects: `kind` of the table of malformed packets, or noise.
    Rogue "rogue" { kind, shard, stubborn },
    /// The stores fail.
    StoreFails "store-fails" { },
    /// The broker, all shards of it, ends without a word and is made anew; what it had is gone.
    Restart "restart" { },
    /// Time passes.
    Wait "wait" { ms },
}

impl Step {
    /// Whether it is one of the world's faults rather than a client's right.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Reset { .. }
            | Self::HalfClose { .. }
            | Self::Acks { .. }
            | Self::Reads { .. }
            | Self::Stall { .. }
            | Self::Rogue { .. }
            | Self::StoreFails {}
            | Self::Restart {} => true,
            Self::Connect { .. }
            | Self::Publish { .. }
            | Self::Unretain { .. }
            | Self::Subscribe { .. }
            | Self::Unsubscribe { .. }
            | Self::Ping { .. }
            | Self::Disconnect { .. }
            | Self::Again { .. }
            | Self::Stranger { .. }
            | Self::Wait { .. } => false,
        }
    }

    /// The client that it is about.
    pub fn client(&self) -> Option<u64> {
        match *self {
            Self::Connect { client, .. }
            | Self::Publish { client, .. }
            | Self::Unretain { client, .. }
            | Self::Subscribe { client, .. }
            | Self::Unsubscribe { client, .. }
            | Self::Ping { client }
            | Self::Disconnect { client, .. }
            | Self::Again { client, .. }
            | Self::Reset { client }
            | Self::HalfClose { client }
            | Self::Acks { client, .. }
            | Self::Reads { client, .. }
            | Self::Stall { client, .. } => Some(client),
            Self::Stranger { .. } | Self::Rogue { .. } | Self::StoreFails {} | Self::Restart {} | Self::Wait { .. } => {
                None
            }
        }
    }
}
