//! How `weirmq sub` prints a message: the format strings of mosquitto_sub, and JSON.
//!
//! Times are UTC. A payload goes out byte for byte; only JSON has to be text, so there a payload that is not UTF-8 becomes
//! `payload_hex`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::value::RawValue;
use weirmq_core::packet::{Properties, QoS};

/// A received message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) packet_id: Option<u16>,
    pub(crate) properties: Properties<'a>,
}

/// A format, ready to be used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(Vec<u8>),
    Field { letter: char, padding: Padding },
    Time(char),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Padding {
    left: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The letters after `%`.
const FIELDS: &str = "ACDEFIJPRSUXjlmpqrtx";

/// The letters after `%@`.
const TIMES: &str = "FHMNSTYZdjmsz";

/// The widest field.
const WIDTH_MAX: usize = 10_000;

impl Format {
    /// The format of the options -v and -N: `-F` as text.
    pub(crate) fn plain(verbose: bool, eol: bool) -> Self {
        let field = |letter| Piece::Field { letter, padding: Padding::default() };
        let mut pieces = Vec::new();
        if verbose {
            pieces.extend([field('t'), Piece::Literal(b" ".to_vec())]);
        }
        pieces.push(field('p'));
        if eol {
            pieces.push(Piece::Literal(b"\n".to_vec()));
        }
        Self { pieces }
    }

    /// One JSON object on each line.
    pub(crate) fn json() -> Self {
        let padding = Padding::default();
        Self { pieces: vec![Piece::Field { letter: 'j', padding }, Piece::Literal(b"\n".to_vec())] }
    }

    /// Reads a format as mosquitto_sub has it, with a new line at its end if `eol`.
    ///
    /// # Errors
    /// A `%` or `\` before a letter that has no meaning, in words.
    pub(crate) fn parse(text: &str, eol: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '%' if rest.next_if_eq(&'%').is_some() => literal.push(b'%'),
                '%' => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(field(&mut rest)?);
                }
                '\\' => literal.push(escape(rest.next())?),
                c => literal.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if eol {
            literal.push(b'\n');
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Writes a message that came at `at`.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn write(&self, out: &mut impl Write, message: &Message<'_>, at: SystemTime) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.write_all(bytes)?,
                Piece::Field { letter: 'p', padding: Padding { width: 0, precision: None, .. } } => {
                    out.write_all(message.payload)?;
                }
                Piece::Field { letter: 'p', padding } => pad(out, message.payload, *padding)?,
                Piece::Field { letter, padding } => pad(out, text(*letter, message, at).as_bytes(), *padding)?,
                Piece::Time(letter) => out.write_all(time(*letter, at).as_bytes())?,
            }
        }
        Ok(())
    }
}

fn field(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Piece, String> {
    let mut padding = Padding::default();
    loop {
        match rest.peek() {
            Some('-') => padding.left = true,
            Some('0') => padding.zero = true,
            Some(_) | None => break,
        }
        rest.next();
    }
    padding.width = number(rest)?.unwrap_or(0);
    if rest.next_if_eq(&'.').is_some() {
        padding.precision = Some(number(rest)?.unwrap_or(0));
    }
    match rest.next() {
        Some('@') => match rest.next() {
            Some(letter) if TIMES.contains(letter) => Ok(Piece::Time(letter)),
            Some(letter) => Err(format!("%@{letter} is not known: after %@ comes one of {TIMES}")),
            None => Err(format!("after %@ comes one of {TIMES}")),
        },
        Some(letter) if FIELDS.contains(letter) => Ok(Piece::Field { letter, padding }),
        Some(letter) => Err(format!("%{letter} is not known: after % comes one of {FIELDS}, @ or %")),
        None => Err(format!("after % comes one of {FIELDS}, @ or %")),
    }
}

fn number(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.parse::<usize>() {
        Ok(number) if number <= WIDTH_MAX => Ok(Some(number)),
        Err(_) if digits.is_empty() => Ok(None),
        Ok(_) | Err(_) => Err(format!("{digits} is too wide: at most {WIDTH_MAX}")),
    }
}

fn escape(letter: Option<char>) -> Result<u8, String> {
    match letter {
        Some('\\') => Ok(b'\\'),
        Some('0') => Ok(0),
        Some('a') => Ok(7),
        Some('e') => Ok(27),
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('v') => Ok(11),
        Some(letter) => Err(format!("\\{letter} is not known: after \\ comes one of \\0aenrtv")),
        None => Err(String::from("after \\ comes one of \\0aenrtv")),
    }
}

fn pad(out: &mut impl Write, bytes: &[u8], padding: Padding) -> io::Result<()> {
    let bytes = &bytes[..padding.precision.unwrap_or(bytes.len()).min(bytes.len())];
    let fill = padding.width.saturating_sub(bytes.len());
    let with: &[u8] = if padding.zero && !padding.left { b"0" } else { b" " };
    if padding.left {
        out.write_all(bytes)?;
    }
    for _ in 0..fill {
        out.write_all(with)?;
    }
    if padding.left { Ok(()) } else { out.write_all(bytes) }
}

fn text(letter: char, message: &Message<'_>, at: SystemTime) -> String {
    let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
    let properties = &message.properties;
    match letter {
        'A' => number(properties.topic_alias().map(u32::from)),
        'C' => properties.content_type().unwrap_or_default().to_owned(),
        'D' => String::from_utf8_lossy(properties.correlation_data().unwrap_or_default()).into_owned(),
        'E' => number(properties.message_expiry_interval()),
        'F' => number(properties.payload_format_indicator().map(u32::from)),
        'I' => format!("{}+0000", &rfc3339(at)[..19]),
        'j' => json(message, at, false),
        'J' => json(message, at, true),
        'l' => message.payload.len().to_string(),
        'm' => message.packet_id.unwrap_or(0).to_string(),
        'P' => {
            let pairs: Vec<String> =
                properties.user_properties().map(|(name, value)| format!("{name}:{value}")).collect();
            pairs.join(" ")
        }
        'q' => (message.qos as u8).to_string(),
        'R' => properties.response_topic().unwrap_or_default().to_owned(),
        'r' => u8::from(message.retain).to_string(),
        'S' => {
            let identifiers: Vec<String> = properties.subscription_identifiers().map(|id| id.to_string()).collect();
            identifiers.join(" ")
        }
        't' => message.topic.to_owned(),
        'U' => {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
        }
        'X' => hex(message.payload).to_uppercase(),
        'x' => hex(message.payload),
        // `field` lets no other letter through, and `p` is written without a copy.
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `2026-11-25T10:00:00.000000000Z`: every part is at a fixed place.
fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_nanos(at).to_string()
}

fn time(letter: char, at: SystemTime) -> String {
    let text = rfc3339(at);
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    match letter {
        'Y' => text[..4].to_owned(),
        'm' => text[5..7].to_owned(),
        'd' => text[8..10].to_owned(),
        'H' => text[11..13].to_owned(),
        'M' => text[14..16].to_owned(),
        'S' => text[17..19].to_owned(),
        'N' => text[20..29].to_owned(),
        'F' => text[..10].to_owned(),
        'T' => text[11..19].to_owned(),
        's' => since.as_secs().to_string(),
        'Z' => String::from("UTC"),
        'z' => String::from("+0000"),
        'j' => format!("{:03}", day_of_year(&text)),
        // `field` lets no other letter through.
        _ => String::new(),
    }
}

fn day_of_year(text: &str) -> u32 {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    before.get(month.saturating_sub(1) as usize).copied().unwrap_or(0) + day + u32::from(leap && month > 2)
}

/// The names of mosquitto_sub, in its order.
#[derive(Serialize)]
struct Json<'a> {
    tst: String,
    topic: &'a str,
    qos: u8,
    retain: u8,
    payloadlen: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    mid: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<JsonProperties<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<JsonPayload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonPayload<'a> {
    Text(&'a str),
    Json(&'a RawValue),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonProperties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_format_indicator: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_expiry_interval: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscription_identifiers: Vec<u32>,
    /// Pairs, because a name may come again and the order counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user_properties: Vec<(&'a str, &'a str)>,
}

fn json(message: &Message<'_>, at: SystemTime, payload_is_json: bool) -> String {
    let text = std::str::from_utf8(message.payload).ok();
    let raw = if payload_is_json { text.and_then(|text| serde_json::from_str(text).ok()) } else { None };
    let properties = &message.properties;
    let line = Json {
        tst: format!("{}Z", &rfc3339(at)[..26]),
        topic: message.topic,
        qos: message.qos as u8,
        retain: message.retain.into(),
        payloadlen: message.payload.len(),
        mid: message.packet_id,
        properties: (!properties.is_empty()).then(|| JsonProperties {
            payload_format_indicator: properties.payload_format_indicator().map(u8::from),
            message_expiry_interval: properties.message_expiry_interval(),
            content_type: properties.content_type(),
            response_topic: properties.response_topic(),
            correlation_data: properties
                .correlation_data()
                .map(|data| std::str::from_utf8(data).map_or_else(|_| hex(data), str::to_owned)),
            subscription_identifiers: properties.subscription_identifiers().collect(),
            user_properties: properties.user_properties().collect(),
        }),
        payload: raw.map(JsonPayload::Json).or(text.map(JsonPayload::Text)),
        payload_hex: text.is_none().then(|| hex(message.payload)),
    };
    // Text and numbers always are JSON.
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weirmq_core::packet::{Property, PropertyBuffer};

    use super::*;

    fn at() -> SystemTime {
        UNIX_EPOCH + Duration::new(1_709_210_096, 123_456_789)
    }

    fn print(format: &str, payload: &[u8]) -> String {
        let mut buffer = PropertyBuffer::new();
        buffer.push(Property::ContentType("text/plain"));
        buffer.push(Property::UserProperty("a", "1"));
        buffer.push(Property::UserProperty("a", "2"));
        let properties = buffer.as_properties();
        let message =
            Message { topic: "t/1", payload, qos: QoS::AtLeastOnce, retain: true, packet_id: Some(9), properties };
        let mut out = Vec::new();
        Format::parse(format, false).expect(format).write(&mut out, &message, at()).expect("memory takes all");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn fields_are_printed() {
        for (format, expected) in [
            ("%t %q %r %m %l|%p|%x|%X", "t/1 1 1 9 3|abz|61627a|61627A"),
            ("%%\\n\\t\\\\%C %P.%R%A%E%F%S%D", "%\n\t\\text/plain a:1 a:2."),
            ("%I %U", "2024-02-29T12:34:56+0000 1709210096.123456789"),
            (
                "%@Y-%@m-%@d %@H:%@M:%@S.%@N %@F %@T %@s %@j%@Z%@z",
                "2024-02-29 12:34:56.123456789 2024-02-29 12:34:56 1709210096 060UTC+0000",
            ),
            ("%5p|%-5p|%.2p|%05l|%-3q|", "  abz|abz  |ab|00003|1  |"),
        ] {
            assert_eq!(print(format, b"abz"), expected, "{format}");
        }
    }

    #[test]
    fn unknown_letters_are_refused() {
        for format in ["%", "%y", "%@", "%@q", "\\", "\\q", "%99999999p", "%.99999999999999999999p"] {
            assert!(Format::parse(format, true).is_err(), "{format}");
        }
    }

    #[test]
    fn json_is_one_object_in_a_line() {
        assert_eq!(
            print("%j", b"{\"n\": 1}\n"),
            r#"{"tst":"2024-02-29T12:34:56.123456Z","topic":"t/1","qos":1,"retain":1,"payloadlen":9,"mid":9,"properties":{"content-type":"text/plain","user-properties":[["a","1"],["a","2"]]},"payload":"{\"n\": 1}\n"}"#
        );
        assert!(
            print("%J", b"{\"n\": 12345678901234567890123}").ends_with(r#""payload":{"n": 12345678901234567890123}}"#)
        );
        assert!(print("%J", b"not json").ends_with(r#""payload":"not json"}"#));
        assert!(print("%j", b"\xff\x00").ends_with(r#""payload_hex":"ff00"}"#));
    }
}
