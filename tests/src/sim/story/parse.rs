//! Reading a story: each line by itself, and each fault with its line and its remedy.

use std::time::Duration;

use weirmq_core::access::{self, Effect, Rule};
use weirmq_core::packet::ReasonCode;

use super::fields::{Spec, number};
use super::line::{Action, Gets, Guard, Line};
use super::packet::version;
use super::{Story, StoryError};
use crate::sim::options::Options;
use crate::sim::scenario::assignment;
use crate::wire::Version;

/// Words that begin a line and are nobody's name.
const NOBODY: [&str; 10] =
    ["access", "options", "versions", "shards", "wait", "store", "peers", "auth", "broker", "differ"];

impl Story {
    /// Reads a story. Lines that begin with `#` are for humans.
    ///
    /// # Errors
    /// With the line that is not understood.
    pub fn parse(text: &str) -> Result<Self, StoryError> {
        let mut story = Self {
            options: Options { clients: 0, ..Options::default() },
            versions: vec![Version::V311, Version::V5],
            shards: vec![1, 2, 3],
            rules: Vec::new(),
            lines: Vec::new(),
        };
        for (place, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            story.read(place + 1, line).map_err(|error| StoryError::new(place + 1, error))?;
        }
        if story.lines.is_empty() {
            return Err(StoryError::new(1, "nothing happens; write lines such as `ann connects`"));
        }
        Ok(story)
    }

    fn read(&mut self, number: usize, text: &str) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let header =
            |what| if self.lines.is_empty() { Ok(()) } else { Err(format!("{what} belongs before all that happens")) };
        match words[0] {
            "options" => {
                header("options")?;
                for part in &words[1..] {
                    let (name, value) = assignment(part)?;
                    if name == "shards" || name == "clients" {
                        return Err(format!("{name} is no option of a story; write a line `shards 1 2 3`"));
                    }
                    self.options.set(name, value)?;
                }
            }
            "access" => {
                header("access")?;
                self.rules.push(rule(&words[1..])?);
            }
            "versions" => {
                header("versions")?;
                self.versions = words[1..].iter().map(|word| version(word)).collect::<Result<_, _>>()?;
            }
            "shards" => {
                header("shards")?;
                self.shards = words[1..].iter().map(|word| super::fields::number(word)).collect::<Result<_, _>>()?;
                if self.shards.is_empty() || self.shards.iter().any(|count| !(1..=8).contains(count)) {
                    return Err("shards are 1 to 8; write `shards 1 2 3`".into());
                }
            }
            _ => self.lines.push(line(number, text)?),
        }
        Ok(())
    }
}

fn rule(words: &[&str]) -> Result<Rule, String> {
    let wrong = || format!("{words:?} is no rule; write `access refuses|allows publish|subscribe|both FILTER`");
    let [effect, action, filter] = words else { return Err(wrong()) };
    let rule = Rule {
        effect: match *effect {
            "refuses" => Effect::Refuse(ReasonCode::NotAuthorized),
            "allows" => Effect::Allow,
            _ => return Err(wrong()),
        },
        action: match *action {
            "publish" => access::Action::Publish,
            "subscribe" => access::Action::Subscribe,
            "both" => access::Action::Both,
            _ => return Err(wrong()),
        },
        filter: (*filter).into(),
    };
    rule.fault().map_or(Ok(rule), |fault| Err(format!("access must be {fault}")))
}

fn guards(words: &mut &[&str]) -> Result<Vec<Guard>, String> {
    let mut list = Vec::new();
    while let Some(word) = words.first().and_then(|word| word.strip_prefix('[')) {
        let word = word.strip_suffix(']').ok_or_else(|| format!("[{word} needs its ]; write [5], not [ 5 ]"))?;
        list.push(match word {
            "3" => Guard::Three,
            "one" => Guard::One,
            "many" => Guard::Many,
            other => Guard::Version(
                version(other)
                    .map_err(|_| format!("no guard [{other}]; there are [3] [3.1] [3.1.1] [5] [one] [many]"))?,
            ),
        });
        *words = &words[1..];
    }
    Ok(list)
}

fn line(number: usize, text: &str) -> Result<Line, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut words = &words[..];
    let guards = guards(&mut words)?;
    let at_once = words.last() == Some(&"&");
    if at_once {
        words = &words[..words.len() - 1];
    }
    let Some((&first, rest)) = words.split_first() else { return Err("nothing happens in this line".into()) };
    let (name, action) = if NOBODY.contains(&first) {
        (String::new(), world(first, rest)?)
    } else {
        (name(first)?, client(first, rest)?)
    };
    Ok(Line { number, text: text.into(), guards, name, action, at_once })
}

fn name(word: &str) -> Result<String, String> {
    let plain = word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    let ours = word.strip_prefix('c').is_some_and(|rest| rest.parse::<u64>().is_ok());
    if !plain || ours {
        return Err(format!(
            "{word:?} is no name and no step; a name is of small letters and not c1, as in `ann connects`"
        ));
    }
    Ok(word.into())
}

fn client(name: &str, words: &[&str]) -> Result<Action, String> {
    let Some((&verb, rest)) = words.split_first() else {
        return Err(format!("{name} does nothing; write `{name} connects`, `{name} > PACKET` or `{name} < PACKET`"));
    };
    let plain =
        |action| if rest.is_empty() { Ok(action) } else { Err(format!("{verb} stands alone, without {rest:?}")) };
    match verb {
        "connects" => Ok(Action::Connects(Spec::parse("CONNECT", rest)?)),
        "opens" => plain(Action::Opens),
        ">" => sends(rest),
        "<" => gets(rest).map(Action::Gets),
        "resets" => plain(Action::Resets),
        "closes" => plain(Action::Closes),
        "lingers" => plain(Action::Lingers),
        "stops-reading" => plain(Action::StopsReading),
        "reads-on" => plain(Action::ReadsOn),
        "skips" => plain(Action::Skips),
        "is-removed" => plain(Action::IsRemoved),
        other => Err(format!(
            "no step {other:?}; a client connects, opens, > sends, < gets, resets, closes, lingers, stops-reading, reads-on, \
             skips, is-removed"
        )),
    }
}

fn sends(words: &[&str]) -> Result<Action, String> {
    match words.split_first() {
        Some((&"raw", bytes)) => {
            let byte = |word: &&str| {
                let byte = u8::from_str_radix(word, 16).ok().filter(|_| word.len() == 2);
                byte.ok_or_else(|| format!("{word:?} is no byte; write two digits, as in `raw C0 00`"))
            };
            Ok(Action::SendsRaw(bytes.iter().map(byte).collect::<Result<_, _>>()?))
        }
        Some((word, fields)) => Ok(Action::Sends(Spec::parse(word, fields)?)),
        None => Err("nothing is sent; write a packet behind `>`".into()),
    }
}

fn gets(words: &[&str]) -> Result<Gets, String> {
    match words {
        ["nothing"] => Ok(Gets::Nothing),
        ["closed"] => Ok(Gets::Closed(None)),
        ["closed", code] => {
            let code = code.strip_prefix("code=").ok_or("write `closed code=0x8E`")?;
            Ok(Gets::Closed(Some(number(code)? as u8)))
        }
        ["among", word, fields @ ..] => Ok(Gets::Among(Spec::parse(word, fields)?)),
        [word, fields @ ..] => Ok(Gets::Next(Spec::parse(word, fields)?)),
        [] => Err("nothing is awaited; write a packet, `nothing` or `closed` behind `<`".into()),
    }
}

fn world(first: &str, words: &[&str]) -> Result<Action, String> {
    match (first, words) {
        ("wait", [time]) => duration(time).map(Action::Wait),
        ("store", ["holds"]) => Ok(Action::StoreHolds),
        ("store", ["answers"]) => Ok(Action::StoreAnswers),
        ("store", ["fails"]) => Ok(Action::StoreFails),
        ("peers", ["hold"]) => Ok(Action::PeersHold),
        ("peers", ["flow"]) => Ok(Action::PeersFlow),
        ("auth", ["holds"]) => Ok(Action::AuthHolds),
        ("auth", ["answers"]) => Ok(Action::AuthAnswers),
        ("auth", ["refuses", name, code]) => Ok(Action::AuthRefuses((*name).into(), number(code)? as u8)),
        ("broker", ["shuts-down"]) => Ok(Action::ShutsDown),
        ("broker", ["restarts"]) => Ok(Action::Restarts),
        ("broker", ["counts", what]) => {
            let (name, value) = assignment(what)?;
            let known = || weirmq_core::Stats::default().iter().map(|(name, _)| name).collect::<Vec<_>>();
            if !known().contains(&name) {
                return Err(format!("no counter {name}; there are {}", known().join(", ")));
            }
            Ok(Action::Counts(name.into(), value))
        }
        ("differ", variables) if variables.len() > 1 => {
            let name = |word: &&str| word.strip_prefix('$').map(String::from).ok_or(format!("{word:?} is no $name"));
            variables.iter().map(name).collect::<Result<_, _>>().map(Action::Differ)
        }
        _ => Err(format!(
            "{first} {words:?} is not understood; there are: wait 1500ms|2s; store holds|answers|fails; peers hold|flow; \
             auth holds|answers|refuses NAME CODE; broker shuts-down|restarts|counts NAME=NUMBER; differ $one $two"
        )),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write 1500ms or 2s");
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?);
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(count)),
        "s" => Ok(Duration::from_secs(count)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::Story;

    #[test]
    fn a_malformed_line_is_named_with_a_remedy() {
        for (line, told) in [
            ("ann", "write `ann connects`"),
            ("ann jumps", "a client connects"),
            ("ann connects colour=3", "CONNECT has no field"),
            ("ann < PUBACK", "needs id=…"),
            ("ann > raw C0 0", "two digits"),
            ("ann < closed 0x8E", "closed code=0x8E"),
            ("Ann connects", "small letters"),
            ("[6] ann connects", "no guard [6]"),
            ("wait 3", "write 1500ms or 2s"),
            ("store burns", "store holds|answers|fails"),
            ("broker counts sheep=3", "no counter sheep"),
            ("broker stops", "shuts-down|restarts|counts"),
            ("options shards=2", "shards 1 2 3"),
            ("options colour=3", "no option colour"),
            ("versions 6", "there are 3.1"),
            ("access refuses all t", "publish|subscribe|both"),
            ("shards 0", "shards are 1 to 8"),
            ("differ $one", "differ $one $two"),
        ] {
            let error = Story::parse(&format!("# a story\n\n{line}\n")).expect_err(line);
            assert_eq!(error.line, 3, "{line}");
            assert!(error.text.contains(told), "{line}: {}", error.text);
        }
        assert!(Story::parse("# nothing").is_err());
        assert_eq!(Story::parse("ann connects\noptions durable=1").expect_err("late").line, 2);
    }
}
