//! Topic filters: what a client may subscribe to, and which topic names that covers (MQTT 5.0, 4.7 and 4.8.2).
//!
//! [`Filter::matches`] is the rule itself, written for one filter and one name. The broker asks
//! [`SubscriptionTree`](super::SubscriptionTree) for many filters at once, and tests hold the tree to this.

use core::fmt;

use super::name;

/// A valid topic filter, taken apart without being copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The share name of `$share/NAME/FILTER`; none for an ordinary subscription.
    pub share: Option<&'a str>,
    /// The filter that topic names are compared with: all of the text, or what follows `$share/NAME/`.
    pub filter: &'a str,
}

/// Why a text is not a topic filter. MQTT 5.0 answers with 0x8F, MQTT 3.1.1 with a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// It has no character (MQTT-4.7.3-1).
    Empty,
    /// It is longer than 65,535 bytes (MQTT-4.7.3-3).
    TooLong,
    /// It has more levels than this broker takes.
    TooManyLevels,
    /// It contains U+0000 (MQTT-4.7.3-2).
    Nul,
    /// `#` is not the whole of the last level (MQTT-4.7.1-1).
    MultiLevelWildcard,
    /// `+` is not the whole of its level (MQTT-4.7.1-2).
    SingleLevelWildcard,
    /// `$share` is not followed by a share name of at least one character (MQTT-4.8.2-1).
    ShareNameMissing,
    /// The share name contains `+` or `#`, or no `/` and topic filter follow it (MQTT-4.8.2-2).
    ShareName,
}

impl<'a> Filter<'a> {
    /// Checks `text` as it stands in a SUBSCRIBE or UNSUBSCRIBE and takes it apart. `levels_max` bounds the levels of the
    /// filter without `$share/NAME/`.
    pub fn parse(text: &'a str, levels_max: u16) -> Result<Self, FilterError> {
        if text.is_empty() {
            return Err(FilterError::Empty);
        }
        if text.len() > name::BYTES_MAX {
            return Err(FilterError::TooLong);
        }
        if memchr::memchr(0, text.as_bytes()).is_some() {
            return Err(FilterError::Nul);
        }
        let (share, filter) = split_share(text)?;
        if name::level_count(filter) > u32::from(levels_max) {
            return Err(FilterError::TooManyLevels);
        }
        check_wildcards(filter)?;
        Ok(Self { share, filter })
    }

    /// Whether the filter contains `+` or `#`.
    pub fn has_wildcards(&self) -> bool {
        memchr::memchr2(b'+', b'#', self.filter.as_bytes()).is_some()
    }

    /// Whether the filter covers the topic name `topic`. `$share/NAME/` plays no part in it, text is compared as it is
    /// (MQTT-4.7.3-4), and a leading wildcard does not cover names that begin with `$` (MQTT-4.7.2-1).
    pub fn matches(&self, topic: &str) -> bool {
        if name::is_dollar(topic) && matches!(self.filter.as_bytes().first(), Some(b'+' | b'#')) {
            return false;
        }
        let mut topic_levels = name::levels(topic);
        for level in name::levels(self.filter) {
            if level == "#" {
                return true;
            }
            match topic_levels.next() {
                Some(topic_level) if level == "+" || level == topic_level => {}
                Some(_) | None => return false,
            }
        }
        topic_levels.next().is_none()
    }
}

/// Whether every topic name that `narrow` covers is covered by `wide` too. Both are valid filters without `$share/NAME/`.
pub fn filter_covers(wide: &str, narrow: &str) -> bool {
    // A name has at least one level, so `#` alone says the same as `+/#`, and that can be compared level by level.
    let whole = |filter| if filter == "#" { "+/#" } else { filter };
    let (wide, narrow) = (whole(wide), whole(narrow));
    if name::is_dollar(narrow) && wide.starts_with('+') {
        return false;
    }
    let mut narrow_levels = name::levels(narrow);
    for level in name::levels(wide) {
        match (level, narrow_levels.next()) {
            ("#", _) => return true,
            (_, None | Some("#")) => return false,
            (level, Some(narrow)) if level == "+" || level == narrow => {}
            (_, Some(_)) => return false,
        }
    }
    narrow_levels.next().is_none()
}

fn split_share(text: &str) -> Result<(Option<&str>, &str), FilterError> {
    let Some(rest) = text.strip_prefix("$share") else { return Ok((None, text)) };
    if rest.is_empty() {
        return Err(FilterError::ShareNameMissing);
    }
    let Some(rest) = rest.strip_prefix('/') else { return Ok((None, text)) };
    let (share, filter) = rest.split_once('/').unwrap_or((rest, ""));
    if share.is_empty() {
        return Err(FilterError::ShareNameMissing);
    }
    if filter.is_empty() || share.contains(['+', '#']) {
        return Err(FilterError::ShareName);
    }
    Ok((Some(share), filter))
}

fn check_wildcards(filter: &str) -> Result<(), FilterError> {
    let bytes = filter.as_bytes();
    for at in memchr::memchr2_iter(b'+', b'#', bytes) {
        let starts_level = at == 0 || bytes[at - 1] == b'/';
        let next = bytes.get(at + 1);
        if bytes[at] == b'#' {
            if !starts_level || next.is_some() {
                return Err(FilterError::MultiLevelWildcard);
            }
        } else if !starts_level || next.is_some_and(|&byte| byte != b'/') {
            return Err(FilterError::SingleLevelWildcard);
        }
    }
    Ok(())
}

impl FilterError {
    /// Whether MQTT 3.1.1 forbids such a filter (MQTT-4.7.1-2, MQTT-4.7.1-3, MQTT-4.7.3-1 to -3).
    pub(crate) const fn breaks_3_1_1(self) -> bool {
        match self {
            Self::Empty | Self::TooLong | Self::Nul | Self::MultiLevelWildcard | Self::SingleLevelWildcard => true,
            Self::TooManyLevels | Self::ShareNameMissing | Self::ShareName => false,
        }
    }

    /// The statement of MQTT 5.0 that the text breaks; none where the bound is this broker's own.
    pub const fn statement(self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("MQTT-4.7.3-1"),
            Self::TooLong => Some("MQTT-4.7.3-3"),
            Self::TooManyLevels => None,
            Self::Nul => Some("MQTT-4.7.3-2"),
            Self::MultiLevelWildcard => Some("MQTT-4.7.1-1"),
            Self::SingleLevelWildcard => Some("MQTT-4.7.1-2"),
            Self::ShareNameMissing => Some("MQTT-4.8.2-1"),
            Self::ShareName => Some("MQTT-4.8.2-2"),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the topic filter is empty",
            Self::TooLong => "the topic filter is longer than 65535 bytes",
            Self::TooManyLevels => "the topic filter has too many levels",
            Self::Nul => "the topic filter contains U+0000",
            Self::MultiLevelWildcard => "# is not the whole last level of the topic filter",
            Self::SingleLevelWildcard => "+ is not a whole level of the topic filter",
            Self::ShareNameMissing => "$share is not followed by a share name",
            Self::ShareName => "the share name contains a wildcard or no topic filter follows it",
        })
    }
}

impl core::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn covers(filter: &str, topic: &str) -> bool {
        Filter::parse(filter, 128).expect("the filter is valid").matches(topic)
    }

    #[test]
    fn matching_table_of_the_specification() {
        for (filter, yes, no) in [
            (
                "sport/tennis/player1/#",
                &["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"][..],
                &["sport/tennis/player10"][..],
            ),
            ("sport/#", &["sport", "sport/"], &["sports"]),
            ("#", &["a", "/", "a/b/c", "a/$SYS"], &["$SYS/x", "$"]),
            (
                "sport/tennis/+",
                &["sport/tennis/player1", "sport/tennis/"],
                &["sport/tennis/player1/ranking", "sport/tennis"],
            ),
            ("sport/+", &["sport/"], &["sport"]),
            ("+/+", &["/finance"], &["finance", "$SYS/x"]),
            ("/+", &["/finance"], &["finance"]),
            ("+", &["finance"], &["/finance", "finance/x", "$SYS"]),
            ("+/monitor/Clients", &["a/monitor/Clients"], &["$SYS/monitor/Clients"]),
            ("$SYS/#", &["$SYS/monitor/Clients", "$SYS"], &["SYS/monitor/Clients"]),
            ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor"]),
            ("+/tennis/#", &["a/tennis", "a/tennis/b/c", "/tennis"], &["tennis", "a/b/tennis"]),
            ("ACCOUNTS", &["ACCOUNTS"], &["Accounts"]),
            ("a//b", &["a//b"], &["a/b"]),
        ] {
            for topic in yes {
                assert!(covers(filter, topic), "{filter} should match {topic}");
            }
            for topic in no {
                assert!(!covers(filter, topic), "{filter} should not match {topic}");
            }
        }
    }

    #[test]
    fn covering() {
        for (wide, yes, no) in [
            ("#", &["#", "+", "+/#", "a", "/", "a/+/#"][..], &["$x", "$x/#"][..]),
            ("+/#", &["#", "+/#", "a"], &["$x"]),
            ("+", &["a", "+"], &["$x", "#", "a/b", "+/#"]),
            ("a/#", &["a", "a/b", "a/+", "a/#", "a/+/c/#"], &["+", "#", "+/b", "b", "ab"]),
            ("a/+/#", &["a/b", "a/+", "a/b/#", "a/+/#"], &["a", "a/#", "+/b"]),
            ("a/+/c", &["a/b/c", "a/+/c"], &["a/b/+", "a/b/#", "a/b", "a/b/c/d"]),
            ("$x/#", &["$x", "$x/#", "$x/+"], &["#", "+/a"]),
        ] {
            for narrow in yes {
                assert!(filter_covers(wide, narrow), "{wide} should cover {narrow}");
            }
            for narrow in no {
                assert!(!filter_covers(wide, narrow), "{wide} should not cover {narrow}");
            }
        }
    }

    /// All names of up to four levels over an alphabet with a level that no filter of these tests has.
    fn all_names() -> std::vec::Vec<std::string::String> {
        let mut names = std::vec::Vec::new();
        let mut longest = std::vec![std::string::String::new()];
        for depth in 0..4 {
            let separator = if depth == 0 { "" } else { "/" };
            longest = longest
                .iter()
                .flat_map(|name| ["", "a", "$x", "other"].map(|level| std::format!("{name}{separator}{level}")))
                .collect();
            names.extend(longest.iter().filter(|name| !name.is_empty()).cloned());
        }
        names
    }

    proptest::proptest! {
        /// Held to the names themselves: filters are short enough that four levels tell all differences.
        #[test]
        fn covering_is_about_all_names(
            wide in proptest::collection::vec(proptest::sample::select(&["", "a", "$x", "+"][..]), 1..=3),
            narrow in proptest::collection::vec(proptest::sample::select(&["", "a", "$x", "+"][..]), 1..=3),
            multi in proptest::array::uniform2(proptest::bool::ANY),
        ) {
            let text = |mut levels: std::vec::Vec<&'static str>, multi: bool| {
                if multi {
                    levels.pop();
                    levels.push("#");
                }
                levels.join("/")
            };
            let (wide, narrow) = (text(wide, multi[0]), text(narrow, multi[1]));
            proptest::prop_assume!(!wide.is_empty() && !narrow.is_empty());
            let naive = all_names().iter().all(|name| !covers(&narrow, name) || covers(&wide, name));
            proptest::prop_assert_eq!(filter_covers(&wide, &narrow), naive, "{} {}", wide, narrow);
        }
    }

    #[test]
    fn invalid_filters_name_their_statement() {
        use FilterError::*;
        for (text, error) in [
            ("", Empty),
            ("a\0", Nul),
            ("sport/tennis#", MultiLevelWildcard),
            ("sport/tennis/#/ranking", MultiLevelWildcard),
            ("#/a", MultiLevelWildcard),
            ("a/#/", MultiLevelWildcard),
            ("##", MultiLevelWildcard),
            ("#+", MultiLevelWildcard),
            ("sport+", SingleLevelWildcard),
            ("+sport", SingleLevelWildcard),
            ("a/+b/c", SingleLevelWildcard),
            ("++", SingleLevelWildcard),
            ("+#", SingleLevelWildcard),
            ("$share", ShareNameMissing),
            ("$share/", ShareNameMissing),
            ("$share//t", ShareNameMissing),
            ("$share/g", ShareName),
            ("$share/g/", ShareName),
            ("$share/a+/t", ShareName),
            ("$share/#/t", ShareName),
            ("$share/g/sport+", SingleLevelWildcard),
            ("$share/g/a/#/b", MultiLevelWildcard),
        ] {
            assert_eq!(Filter::parse(text, 128), Err(error), "{text}");
            assert!(error.statement().is_some_and(|statement| statement.starts_with("MQTT-4.")));
        }
    }

    #[test]
    fn shared_filters_are_taken_apart() {
        for (text, share, filter) in [
            ("$share/g/a/b", Some("g"), "a/b"),
            ("$share/g//finance", Some("g"), "/finance"),
            ("$share/g//", Some("g"), "/"),
            ("$share/$x/#", Some("$x"), "#"),
            ("$shared/g/a", None, "$shared/g/a"),
            ("$sharex", None, "$sharex"),
            ("/$share/g/a", None, "/$share/g/a"),
            ("a/+/#", None, "a/+/#"),
        ] {
            assert_eq!(Filter::parse(text, 128), Ok(Filter { share, filter }), "{text}");
        }
        assert!(covers("$share/g//finance", "/finance"));
        assert!(!covers("$share/g/#", "$SYS/x"));
    }

    #[test]
    fn bounds() {
        assert_eq!(Filter::parse(&"x".repeat(65_536), 1), Err(FilterError::TooLong));
        assert!(Filter::parse(&"x".repeat(65_535), 1).is_ok());
        assert_eq!(Filter::parse("a/b/c", 2), Err(FilterError::TooManyLevels));
        assert!(Filter::parse("$share/g/a/b/c", 3).is_ok());
        assert!(Filter::parse("a/+/#", 3).is_ok_and(|filter| filter.has_wildcards()));
        assert!(Filter::parse("a/b", 3).is_ok_and(|filter| !filter.has_wildcards()));
    }
}
