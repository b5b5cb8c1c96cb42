//! How values are written: `64KiB`, `1m30s`, `3.1.1`, `127.0.0.1:1883`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use weirmq_core::access;
use weirmq_core::packet::{QoS, ReasonCode, Version};

/// A size in bytes, written as a whole number with `B`, `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB`, or no unit for bytes.
pub(crate) struct Bytes<T>(T);

impl From<Bytes<Self>> for u32 {
    fn from(bytes: Bytes<Self>) -> Self {
        bytes.0
    }
}

impl From<Bytes<Self>> for u64 {
    fn from(bytes: Bytes<Self>) -> Self {
        bytes.0
    }
}

/// The number of bytes in `64KiB`; `None` if it is not written like that or does not fit.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

/// A visitor that takes a number or a text, each by its own function.
struct Either<F, G> {
    expecting: &'static str,
    number: F,
    text: G,
}

impl<'de, T, F: FnOnce(u64) -> Option<T>, G: FnOnce(&str) -> Option<T>> Visitor<'de> for Either<F, G> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        let expecting = self.expecting;
        (self.number)(value).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &expecting))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        Err(E::invalid_value(Unexpected::Signed(value), &self.expecting))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        // `3.1` is a number to YAML, and here a version.
        let expecting = self.expecting;
        (self.text)(&value.to_string()).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &expecting))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        let expecting = self.expecting;
        (self.text)(value).ok_or_else(|| E::invalid_value(Unexpected::Str(value), &expecting))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        Err(E::invalid_value(Unexpected::Other(if value { "true" } else { "false" }), &self.expecting))
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Err(E::invalid_value(Unexpected::Other("nothing"), &self.expecting))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        Err(de::Error::invalid_value(Unexpected::Other("a list"), &self.expecting))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        Err(de::Error::invalid_value(Unexpected::Other("a section"), &self.expecting))
    }
}

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Bytes<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fit = |bytes: u64| T::try_from(bytes).ok().map(Self);
        deserializer.deserialize_any(Either {
            expecting: if size_of::<T>() == 4 {
                "a size such as 64KiB or 1MiB, below 4GiB"
            } else {
                "a size such as 64KiB or 1MiB"
            },
            number: fit,
            text: |text: &str| parse_bytes(text).and_then(fit),
        })
    }
}

/// A duration, written as `10s`, `1m30s`, `250ms`. A bare number would leave its unit open and is refused.
pub(crate) struct Time(Duration);

impl From<Time> for Duration {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "a duration with its unit such as 10s, 1m30s or 250ms",
            number: |_| None,
            text: |text: &str| humantime::parse_duration(text).ok().map(Self),
        })
    }
}

/// A duration, or `never`.
pub(crate) struct TimeOrNever(Option<Duration>);

impl From<TimeOrNever> for Option<Duration> {
    fn from(time: TimeOrNever) -> Self {
        time.0
    }
}

impl<'de> Deserialize<'de> for TimeOrNever {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "`never`, or a duration with its unit such as 20s",
            number: |_| None,
            text: |text: &str| match text {
                "never" => Some(Self(None)),
                text => humantime::parse_duration(text).ok().map(|time| Self(Some(time))),
            },
        })
    }
}

/// Whole seconds as the protocol has them: a number, a duration, or `unlimited` for `u32::MAX`.
pub(crate) struct Seconds<T>(T);

impl From<Seconds<Self>> for u32 {
    fn from(seconds: Seconds<Self>) -> Self {
        seconds.0
    }
}

impl From<Seconds<Self>> for u16 {
    fn from(seconds: Seconds<Self>) -> Self {
        seconds.0
    }
}

impl<'de> Deserialize<'de> for Seconds<u32> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "a number of seconds up to 4294967295, a duration such as 2h, or `unlimited`",
            number: |value| u32::try_from(value).ok().map(Self),
            text: |text: &str| match text {
                "unlimited" => Some(Self(u32::MAX)),
                text => whole_seconds(text).and_then(|value| u32::try_from(value).ok()).map(Self),
            },
        })
    }
}

impl<'de> Deserialize<'de> for Seconds<u16> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "a number of seconds from 0 to 65535, or a duration such as 5m",
            number: |value| u16::try_from(value).ok().map(Self),
            text: |text: &str| whole_seconds(text).and_then(|value| u16::try_from(value).ok()).map(Self),
        })
    }
}

fn whole_seconds(text: &str) -> Option<u64> {
    let time = humantime::parse_duration(text).ok()?;
    (time.subsec_nanos() == 0).then_some(time.as_secs())
}

/// A version of the protocol: `3.1`, `3.1.1` or `5.0`.
#[derive(Clone, Copy)]
pub(crate) struct VersionName(pub(crate) Version);

impl<'de> Deserialize<'de> for VersionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "a version: 3.1, 3.1.1 or 5.0",
            number: |value| (value == 5).then_some(Self(Version::V5)),
            text: |text: &str| match text {
                "3.1" => Some(Self(Version::V3_1)),
                "3.1.1" => Some(Self(Version::V3_1_1)),
                "5" | "5.0" => Some(Self(Version::V5)),
                _ => None,
            },
        })
    }
}

/// The versions in a list, each once, in the order of the numbers.
pub(crate) struct Versions(Vec<Version>);

impl From<Versions> for Vec<Version> {
    fn from(versions: Versions) -> Self {
        versions.0
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Vec<VersionName> = Deserialize::deserialize(deserializer)?;
        let mut versions: Vec<Version> = names.into_iter().map(|name| name.0).collect();
        versions.sort_unstable();
        versions.dedup();
        Ok(Self(versions))
    }
}

/// A QoS as its number.
pub(crate) struct QoSNumber(QoS);

impl From<QoSNumber> for QoS {
    fn from(number: QoSNumber) -> Self {
        number.0
    }
}

impl<'de> Deserialize<'de> for QoSNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: "a QoS: 0, 1 or 2",
            number: |value| u8::try_from(value).ok().and_then(QoS::from_bits).map(Self),
            text: |_: &str| None,
        })
    }
}

/// The Reason Code with which a rule refuses: `0x87`, or the same number in another notation.
pub(crate) struct RefusalCode(pub(crate) ReasonCode);

impl<'de> Deserialize<'de> for RefusalCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let known = |value| ReasonCode::from_u8(value).filter(|&code| access::is_refusal(code)).map(Self);
        deserializer.deserialize_any(Either {
            expecting: "a Reason Code: 0x80, 0x83 or 0x87",
            number: |value| u8::try_from(value).ok().and_then(known),
            text: |text: &str| text.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok()).and_then(known),
        })
    }
}

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a TCP port, written `127.0.0.1:1883` or `[::1]:1883`.
    Tcp(SocketAddr),
    /// A Unix domain socket, written `unix:/path`.
    Unix(PathBuf),
}

/// What an address must look like.
pub(crate) const ADDRESS: &str = "an address such as 127.0.0.1:1883, [::1]:1883 or unix:/path";

impl Address {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(addr) => addr.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err(format!("expected {ADDRESS}: the path is missing")),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| format!("expected {ADDRESS}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either {
            expecting: ADDRESS,
            number: |_| None,
            text: |text: &str| text.parse().ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64KiB", Some(65_536)),
            ("64 KiB", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("1MB", Some(1_000_000)),
            ("3GiB", Some(3 << 30)),
            ("-1", None),
            ("KiB", None),
            ("1.5MiB", None),
            ("1XiB", None),
            ("99999999999999999999", None),
            ("18446744073709551615KiB", None),
        ] {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_know_whether_they_are_local() {
        for (text, local) in [
            ("127.0.0.1:1883", true),
            ("127.8.8.8:1", true),
            ("[::1]:1883", true),
            ("[::ffff:127.0.0.1]:1883", true),
            ("unix:/run/weirmq.sock", true),
            ("0.0.0.0:1883", false),
            ("[::]:1883", false),
            ("192.0.2.7:1883", false),
        ] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(address.is_local(), local, "{text}");
        }
        for text in ["", "1883", "localhost:1883", "127.0.0.1", "unix:", "127.0.0.1:70000"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
