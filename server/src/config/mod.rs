//! The configuration: defaults, then the file, then `WEIRMQ__…` variables, then flags; checked as a whole.
//!
//! It is strict: a key that is not known or a value that is not of its kind is an error that names the place and the
//! remedy, because a misspelt key in a broker is an open broker. It does not start anything.

mod decode;
mod error;
mod file;
mod node;
mod overlay;
mod settings;
mod units;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

pub use error::ConfigError;
pub(crate) use error::nearest;
pub use settings::{Level, ListenerSettings, LogFormat, LogSettings, Runtime, Settings, ShutdownSettings, Storage};
pub use units::Address;
pub(crate) use units::parse_bytes;

use error::Problem;
use file::{File, ListenerSection};
use node::{Node, Origin};

/// The largest configuration file read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the command line says over the file and the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Listen here instead of on the configured addresses, when there are any.
    pub listen: Vec<Address>,
    /// Use this runtime.
    pub runtime: Option<Runtime>,
    /// Run this many shards.
    pub shards: Option<u16>,
    /// Let clients without credentials in on every listener.
    pub allow_anonymous: bool,
    /// Log from this level up.
    pub log_level: Option<Level>,
    /// Log in this format.
    pub log_format: Option<LogFormat>,
}

/// A checked configuration, and what was left to the program.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub settings: Settings,
    /// Whether the addresses are the defaults: then a host without IPv6 is no error.
    pub default_listeners: bool,
}

/// Reads the file at `path`, if there is one, lays the variables and the flags over it and checks the whole.
///
/// # Errors
/// A file that cannot be read, and everything that is wrong in it, in a variable or in the whole.
pub fn load(
    path: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Loaded, ConfigError> {
    let text = match path {
        Some(path) => read(path).map_err(|message| ConfigError::new(Some(path), "", vec![Problem::new(message)]))?,
        None => String::new(),
    };
    load_text(path, &text, variables, overrides)
}

fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot read the configuration file: {error}");
    let metadata = fs::metadata(path).map_err(cannot)?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!("the configuration file is larger than {FILE_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(cannot)
}

/// As [`load`], with the text of the file; `path` only names it in errors.
///
/// # Errors
/// Everything that is wrong in the text, in a variable or in the whole.
pub fn load_text(
    path: Option<&Path>,
    text: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &Overrides,
) -> Result<Loaded, ConfigError> {
    let failed = |problems| ConfigError::new(path, text, problems);
    let mut root = Node::parse(text).map_err(|problem| failed(vec![problem]))?;
    let problems = overlay::apply(&mut root, variables);
    if !problems.is_empty() {
        return Err(failed(problems));
    }
    let file: Option<File> = decode::decode(&root).map_err(|problem| failed(vec![problem]))?;
    let mut loaded = assemble(file);
    override_by_flags(&mut loaded, overrides);
    let problems = validate(&loaded.settings, &root, !overrides.listen.is_empty());
    if problems.is_empty() { Ok(loaded) } else { Err(failed(problems)) }
}

fn assemble(file: Option<File>) -> Loaded {
    let mut settings = Settings::default();
    let mut default_listeners = true;
    if let Some(file) = file {
        if let Some(listeners) = file.listeners {
            default_listeners = false;
            settings.listeners = listeners.into_iter().map(listener).collect();
        }
        settings.runtime = file.runtime.unwrap_or(settings.runtime);
        settings.core.shards = file.shards.unwrap_or(settings.core.shards);
        settings.storage = file.storage.unwrap_or(settings.storage);
        if let Some(section) = file.mqtt {
            section.apply(&mut settings.core.mqtt);
        }
        if let Some(section) = file.limits {
            section.apply(&mut settings.core.limits);
        }
        if let Some(rules) = file.access {
            settings.core.access = rules.into_iter().map(Into::into).collect();
        }
        if let Some(section) = file.log {
            section.apply(&mut settings.log);
        }
        if let Some(section) = file.shutdown {
            section.apply(&mut settings.shutdown);
        }
    }
    Loaded { settings, default_listeners }
}

fn listener(section: ListenerSection) -> ListenerSettings {
    let mut listener = ListenerSettings::new(section.address);
    listener.name = section.name.unwrap_or(listener.name);
    listener.allow_anonymous = section.allow_anonymous.unwrap_or(listener.allow_anonymous);
    listener.connections_max = section.connections_max.unwrap_or(listener.connections_max);
    listener
}

fn override_by_flags(loaded: &mut Loaded, overrides: &Overrides) {
    let settings = &mut loaded.settings;
    if !overrides.listen.is_empty() {
        loaded.default_listeners = false;
        settings.listeners = overrides.listen.iter().cloned().map(ListenerSettings::new).collect();
    }
    if overrides.allow_anonymous {
        settings.listeners.iter_mut().for_each(|listener| listener.allow_anonymous = true);
    }
    settings.runtime = overrides.runtime.unwrap_or(settings.runtime);
    settings.core.shards = overrides.shards.unwrap_or(settings.core.shards);
    settings.log.level = overrides.log_level.unwrap_or(settings.log.level);
    settings.log.format = overrides.log_format.unwrap_or(settings.log.format);
}

fn validate(settings: &Settings, root: &Node, listen_flags: bool) -> Vec<Problem> {
    let mut problems: Vec<Problem> = settings
        .core()
        .validate()
        .into_iter()
        .map(|error| {
            let origin = root.locate(error.field).map(|node| node.origin.clone());
            Problem::new(format!("`{}` must be {}", error.field, error.expected)).at(origin)
        })
        .collect();
    if settings.shutdown.drain_timeout > Duration::from_secs(3_600) {
        let origin = root.locate("shutdown.drain_timeout").map(|node| node.origin.clone());
        problems.push(Problem::new("`shutdown.drain_timeout` must be 0s to 1h").at(origin));
    }
    let mut addresses = HashSet::new();
    let mut names = HashSet::new();
    for (index, listener) in settings.listeners.iter().enumerate() {
        let key = format!("listeners.{index}");
        let origin =
            if listen_flags { Some(Origin::CommandLine) } else { root.locate(&key).map(|node| node.origin.clone()) };
        // Port 0 asks for any free port, so two of those do not collide.
        let fixed = !matches!(&listener.address, Address::Tcp(addr) if addr.port() == 0);
        if fixed && !addresses.insert(&listener.address) {
            problems
                .push(Problem::new(format!("two listeners have the address {}", listener.address)).at(origin.clone()));
        } else if fixed && !names.insert(&listener.name) {
            problems.push(Problem::new(format!("two listeners have the name {:?}", listener.name)).at(origin.clone()));
        }
        if !listener.allow_anonymous {
            problems.push(nobody_can_connect(listener).at(origin));
        }
    }
    problems
}

/// There is no way yet to tell clients apart, so a listener that refuses anonymous clients would refuse everybody.
fn nobody_can_connect(listener: &ListenerSettings) -> Problem {
    let address = &listener.address;
    let message = if address.is_local() {
        format!("the listener {address} has `allow_anonymous: false`, and no other way to let clients in")
    } else {
        format!("the listener {address} can be reached from other machines, and nothing says which clients to let in")
    };
    Problem::new(message).hint(
        "This version has no passwords yet. To let every client in that can reach the address, set \
         `allow_anonymous: true` for this listener, or start with --allow-anonymous; else listen on 127.0.0.1 or unix:/path.",
    )
}
