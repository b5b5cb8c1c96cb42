//! Who may do what: questions to the deployment and its answers.
//!
//! The core never verifies a password. It asks by an [`AuthRequest`] in the outbox and goes on when
//! [`Broker::handle_auth`](crate::Broker::handle_auth) brings the [`AuthOutcome`]. What a client may do with which topics
//! it decides itself, by [`Rule`]s.

mod reply;
mod rule;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{AuthId, ConnId, ListenerId, PeerAddr};
use crate::packet::ReasonCode;

pub use reply::AuthReply;
pub use rule::{Action, Effect, RULES_MAX, Rule, is_refusal};
pub(crate) use rule::{check_publish, check_subscribe, fault};

/// A question about a client: a login, or one step of enhanced authentication (MQTT 5.0, 4.12).
#[derive(Clone, PartialEq, Eq)]
pub struct AuthRequest {
    /// What the answer must name.
    pub id: AuthId,
    /// The connection.
    pub conn: ConnId,
    /// Where the client came in.
    pub listener: ListenerId,
    /// Where the client is.
    pub peer: PeerAddr,
    /// The Client Identifier, assigned or given.
    pub client_id: Box<str>,
    /// The user name of the CONNECT.
    pub user_name: Option<Box<str>>,
    /// The password of the CONNECT. Not shown by `Debug`.
    pub password: Option<Box<[u8]>>,
    /// The step of enhanced authentication, if the client named an Authentication Method.
    pub exchange: Option<AuthExchange>,
}

/// One step of enhanced authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthExchange {
    /// The Authentication Method.
    pub method: Box<str>,
    /// The Authentication Data of this step. Not shown by `Debug`.
    pub data: Option<Box<[u8]>>,
    /// Whether this is the first step: of the connection, or of a re-authentication.
    pub first: bool,
    /// Whether the client was connected already (MQTT 5.0, 4.12.1).
    pub re_authenticate: bool,
}

/// The deployment's answer.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthOutcome {
    /// The client is who it says.
    Accept {
        /// Authentication Data for the CONNACK, or for the AUTH that ends a re-authentication.
        data: Option<Vec<u8>>,
    },
    /// Another step is needed: sent as AUTH 0x18. Only in answer to an [`AuthExchange`].
    Continue {
        /// The Authentication Data.
        data: Option<Vec<u8>>,
    },
    /// The client is refused with this code, 0x80 or above.
    Refuse(ReasonCode),
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest")
            .field("id", &self.id)
            .field("conn", &self.conn)
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthExchange")
            .field("method", &self.method)
            .field("data", &self.data.as_ref().map(|data| data.len()))
            .field("first", &self.first)
            .field("re_authenticate", &self.re_authenticate)
            .finish()
    }
}

impl fmt::Debug for AuthOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { .. } => f.write_str("Accept"),
            Self::Continue { .. } => f.write_str("Continue"),
            Self::Refuse(code) => f.debug_tuple("Refuse").field(code).finish(),
        }
    }
}
