//! The router against a list that is searched from end to end.

use arbitrary::{Arbitrary, Result, Unstructured};
use weirmq_core::topic::{Filter, FilterId, InterestChange, Router, Subscription, SubscriptionTree};

use crate::choice::pick;

/// Levels that collide, sort around `/`, are empty, long, or begin with `$`.
const LEVELS: [&str; 8] = ["a", "b", "", "a!", "$x", "é", "+", "a level that is longer than 22 bytes"];
const OPERATIONS_MAX: usize = 256;
/// With more filters of other shards only the shards are answered.
const ELSEWHERE_MAX: usize = 64;

/// One change of the router, or one question to it.
#[derive(Debug)]
enum Operation {
    Subscribe { filter: String, session: u32 },
    Unsubscribe { which: u8 },
    Join { filter: String, share: u8, session: u32 },
    Leave { which: u8 },
    Peer { filter: String, shard: u16, interested: bool },
    Remote { filter: String, share: u8, shard: u16, total: u32 },
    Touch { filter: String },
    Route { topic: String },
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? % 16 {
            0 | 1 => Self::Subscribe { filter: filter(u)?, session: u32::from(u.arbitrary::<u8>()? % 4) },
            2 | 3 => Self::Unsubscribe { which: u.arbitrary()? },
            4 => {
                Self::Join { filter: filter(u)?, share: u.arbitrary::<u8>()? % 2, session: u.arbitrary::<u8>()?.into() }
            }
            5 => Self::Leave { which: u.arbitrary()? },
            6 => {
                let bits: u8 = u.arbitrary()?;
                Self::Peer { filter: filter(u)?, shard: u16::from(bits & 63), interested: bits & 64 == 0 }
            }
            7 => {
                let bits: u8 = u.arbitrary()?;
                let (shard, total) = (u16::from(bits & 7), u32::from(bits >> 3 & 1));
                Self::Remote { filter: filter(u)?, share: bits >> 7, shard, total }
            }
            8 => Self::Touch { filter: filter(u)? },
            _ => Self::Route { topic: topic(u)? },
        })
    }
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let count = u.arbitrary::<u8>()? % 6 + 1;
    let levels = (0..count).map(|_| pick(u, &LEVELS)).collect::<Result<Vec<_>>>()?;
    Ok(levels.join("/"))
}

/// A valid filter without `$share/NAME/`.
fn filter(u: &mut Unstructured<'_>) -> Result<String> {
    let mut filter = text(u)?;
    if u.arbitrary::<u8>()? % 4 == 0 {
        let at = filter.rfind('/').map_or(0, |at| at + 1);
        filter.replace_range(at.., "#");
    }
    if Filter::parse(&filter, u16::MAX).is_ok() { Ok(filter) } else { Ok(String::from("a")) }
}

fn topic(u: &mut Unstructured<'_>) -> Result<String> {
    let topic = text(u)?.replace('+', "b");
    if topic.is_empty() { Ok(String::from("a")) } else { Ok(topic) }
}

/// What hangs on one filter, by hand.
#[derive(Debug, Default)]
struct Known {
    filter: String,
    sessions: Vec<u32>,
    members: Vec<(u8, u32)>,
    peers: Vec<u16>,
    remotes: Vec<(u8, u16)>,
}

impl Known {
    fn is_vacant(&self) -> bool {
        self.is_elsewhere() && self.peers.is_empty()
    }

    /// Whether this shard's tree does not have it.
    fn is_elsewhere(&self) -> bool {
        self.sessions.is_empty() && self.members.is_empty() && self.remotes.is_empty()
    }
}

struct Model {
    router: Router,
    /// The other shards' filters, each with a number that does not come again.
    elsewhere: SubscriptionTree,
    known: Vec<Known>,
}

/// Changes of a [`Router`] and questions to it, answered as by [`Filter::matches`] over a list of all filters; its memory
/// of answers is bounded; and when everything has been taken away again nothing is left.
pub fn topic_tree(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(seed) = u.arbitrary::<u16>() else { return };
    let routes_max = u32::from(seed & 3) * 16 + 1;
    let router = Router::new(routes_max, u64::from(seed));
    let mut model = Model { router, elsewhere: SubscriptionTree::new(0), known: Vec::new() };
    for _ in 0..OPERATIONS_MAX {
        // What is missing of the last one reads as zeros.
        if u.is_empty() {
            break;
        }
        let Ok(operation) = u.arbitrary() else { break };
        model.apply(&operation);
        assert!(model.router.cached_routes() <= routes_max as usize);
        model.known.retain(|known| !known.is_vacant());
        let here = model.known.iter().filter(|known| !known.is_elsewhere()).count();
        assert_eq!(model.router.tree().len(), here, "after {operation:?}");
    }
    model.take_all_away();
}

impl Model {
    fn entry(&mut self, filter: &str) -> &mut Known {
        let at = self.known.iter().position(|known| known.filter == filter);
        let at = at.unwrap_or_else(|| {
            self.known.push(Known { filter: filter.to_owned(), ..Known::default() });
            self.known.len() - 1
        });
        &mut self.known[at]
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            &Operation::Subscribe { ref filter, session } => {
                if !self.entry(filter).sessions.contains(&session) {
                    self.entry(filter).sessions.push(session);
                    self.router.subscribe(filter, Subscription { session, ..Subscription::default() });
                }
            }
            &Operation::Join { ref filter, share, session } => {
                if !self.entry(filter).members.contains(&(share, session)) {
                    self.entry(filter).members.push((share, session));
                    let id = self.router.insert(filter);
                    self.router.join(id, share_name(share), Subscription { session, ..Subscription::default() });
                }
            }
            &Operation::Unsubscribe { which } => self.unsubscribe(which.into()),
            &Operation::Leave { which } => self.leave(which.into()),
            &Operation::Peer { ref filter, shard, interested } => {
                let known = self.entry(filter);
                let was = known.peers.contains(&shard);
                known.peers.retain(|&other| other != shard);
                known.peers.extend(interested.then_some(shard));
                if was != interested {
                    let number = self.elsewhere.insert(filter);
                    let print = self.router.print(filter, number);
                    self.router.set_interest(shard, &[InterestChange::new(print, interested)]);
                }
            }
            &Operation::Remote { ref filter, share, shard, total } => {
                let known = self.entry(filter);
                known.remotes.retain(|&other| other != (share, shard));
                known.remotes.extend((total > 0).then_some((share, shard)));
                let id = self.router.insert(filter);
                self.router.set_remote_members(id, share_name(share), shard, total, total);
                self.router.release(id);
            }
            Operation::Touch { filter } => {
                let id = self.router.insert(filter);
                let mut text = String::new();
                self.router.filter_text(id, &mut text);
                assert_eq!(text, *filter);
                self.router.release(id);
            }
            Operation::Route { topic } => self.route(topic),
        }
    }

    fn unsubscribe(&mut self, which: usize) {
        let all: Vec<(usize, usize)> = (0..self.known.len())
            .flat_map(|at| (0..self.known[at].sessions.len()).map(move |slot| (at, slot)))
            .collect();
        let Some(&(at, slot)) = all.get(which % all.len().max(1)) else { return };
        let session = self.known[at].sessions.remove(slot);
        let id = self.id(at);
        let position = self.router.position_of(id, session).expect("the subscription is there");
        self.router.unsubscribe(id, position);
        self.router.release(id);
    }

    fn leave(&mut self, which: usize) {
        let all: Vec<(usize, usize)> = (0..self.known.len())
            .flat_map(|at| (0..self.known[at].members.len()).map(move |slot| (at, slot)))
            .collect();
        let Some(&(at, slot)) = all.get(which % all.len().max(1)) else { return };
        let (share, session) = self.known[at].members.remove(slot);
        let id = self.id(at);
        let group = self.router.group_find(id, share_name(share)).expect("the group is there");
        let position = self.router.group(group).position_of(session).expect("the member is there");
        self.router.leave(group, position);
        self.router.release(id);
    }

    fn id(&self, at: usize) -> FilterId {
        self.router.find(&self.known[at].filter).expect("a filter with something attached is there")
    }

    fn route(&mut self, topic: &str) {
        let peers_of = |known: &Known| {
            let number = self.elsewhere.find(&known.filter);
            known.peers.iter().map(|&shard| (shard, number)).collect::<Vec<_>>()
        };
        let matches = |known: &&Known| Filter::parse(&known.filter, u16::MAX).expect("it is valid").matches(topic);
        let here = self.known.iter().filter(matches).filter(|known| !known.is_elsewhere());
        let mut expected: Vec<(String, Vec<u32>)> =
            here.map(|known| (known.filter.clone(), sorted(&known.sessions))).collect();
        expected.sort();
        let at = self.router.route_at(topic);
        let ids = self.router.filters(at).to_vec();
        let found = self.router.elsewhere(topic, at);
        let mut peers: Vec<(u16, Option<FilterId>)> = self.known.iter().filter(matches).flat_map(peers_of).collect();
        peers.sort_unstable();
        if peers.len() > ELSEWHERE_MAX {
            peers.iter_mut().for_each(|(_, filter)| *filter = None);
            peers.dedup();
        }
        assert!(found.iter().map(|place| (place.shard, place.filter())).eq(peers), "for {topic}: {found:?}");
        let mut found: Vec<(String, Vec<u32>)> = ids
            .iter()
            .map(|&id| {
                let mut text = String::new();
                self.router.filter_text(id, &mut text);
                let sessions: Vec<u32> = self.router.subscriptions(id).iter().map(|entry| entry.session).collect();
                (text, sorted(&sessions))
            })
            .collect();
        found.sort();
        assert_eq!(found, expected, "for {topic}");
    }

    fn take_all_away(mut self) {
        for _ in 0..OPERATIONS_MAX {
            self.unsubscribe(0);
            self.leave(0);
        }
        for known in std::mem::take(&mut self.known) {
            let print = self.router.print(&known.filter, self.elsewhere.insert(&known.filter));
            known.peers.iter().for_each(|&shard| self.router.set_interest(shard, &[InterestChange::new(print, false)]));
            let id = self.router.insert(&known.filter);
            for &(share, shard) in &known.remotes {
                self.router.set_remote_members(id, share_name(share), shard, 0, 0);
            }
            self.router.release(id);
        }
        assert!(self.router.tree().is_empty());
        let at = self.router.route_at("a/b");
        assert!(self.router.filters(at).is_empty() && self.router.elsewhere("a/b", at).is_empty());
    }
}

fn share_name(share: u8) -> &'static str {
    if share == 0 { "g" } else { "h" }
}

fn sorted(sessions: &[u32]) -> Vec<u32> {
    let mut sessions = sessions.to_vec();
    sessions.sort_unstable();
    sessions
}
