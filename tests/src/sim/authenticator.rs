//! Who answers for credentials: late, perhaps, and by rules that a reader can check in his head.
//!
//! A password must be [`SECRET`]. The method [`METHOD`] takes two steps: whatever is asked first is answered by
//! [`CHALLENGE`], and what comes then must be [`SECRET`].

use std::collections::{BTreeMap, VecDeque};

use weirmq_core::packet::ReasonCode;
use weirmq_core::{AuthOutcome, AuthRequest, Instant};

/// The Authentication Method that is known.
pub(super) const METHOD: &str = "TEST";
/// What a client has to know.
pub(super) const SECRET: &[u8] = b"secret";
/// What it is asked.
pub(super) const CHALLENGE: &[u8] = b"challenge";
/// What it is told in the end.
pub(super) const WELCOME: &[u8] = b"welcome";

#[derive(Debug, Default)]
pub(super) struct Authenticator {
    /// Client identifiers that are refused, whatever they know.
    refused: BTreeMap<String, ReasonCode>,
    /// Nothing is answered.
    pub(super) held: bool,
    /// Questions without answer: the shard that asks, and when it is answered.
    asked: VecDeque<(Instant, usize, AuthRequest)>,
}

impl Authenticator {
    /// Refuses a client from here on.
    pub(super) fn refuse(&mut self, client_id: &str, code: u8) -> Result<(), String> {
        let code = ReasonCode::from_u8(code).filter(|code| code.as_u8() >= 0x80);
        let code = code.ok_or("a refusal needs a Reason Code of 0x80 or above, as in `auth refuses ann 0x87`")?;
        self.refused.insert(client_id.into(), code);
        Ok(())
    }

    /// Nobody is refused by name any more, and everything is answered.
    pub(super) fn let_everybody_in(&mut self) {
        self.refused.clear();
        self.held = false;
    }

    /// Takes a question.
    pub(super) fn ask(&mut self, shard: usize, request: AuthRequest, due: Instant) {
        self.asked.push_back((due, shard, request));
    }

    /// Who asked is gone; nobody waits for an answer.
    pub(super) fn forget(&mut self) {
        self.asked.clear();
    }

    /// When the next answer comes.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.held { None } else { self.asked.iter().map(|asked| asked.0).min() }
    }

    /// The next answer for a shard that has come by now.
    pub(super) fn answer(&mut self, shard: usize, now: Instant) -> Option<(AuthRequest, AuthOutcome)> {
        if self.held {
            return None;
        }
        let place = self.asked.iter().position(|asked| asked.0 <= now && asked.1 == shard)?;
        let (_, _, request) = self.asked.remove(place)?;
        let outcome = self.judge(&request);
        Some((request, outcome))
    }

    fn judge(&self, request: &AuthRequest) -> AuthOutcome {
        if let Some(&code) = self.refused.get(&*request.client_id) {
            return AuthOutcome::Refuse(code);
        }
        match (&request.exchange, &request.password) {
            (Some(step), _) if step.first => AuthOutcome::Continue { data: Some(CHALLENGE.into()) },
            (Some(step), _) if step.data.as_deref() == Some(SECRET) => {
                AuthOutcome::Accept { data: Some(WELCOME.into()) }
            }
            (Some(_), _) => AuthOutcome::Refuse(ReasonCode::NotAuthorized),
            (None, Some(password)) if **password != *SECRET => AuthOutcome::Refuse(ReasonCode::BadUserNameOrPassword),
            (None, _) => AuthOutcome::Accept { data: None },
        }
    }
}
