//! Makes a client's configuration of the options that `weirmq pub` and `weirmq sub` share.

use weirmq_core::client::{ClientConfig, ClientWill};
use weirmq_core::packet::{Properties, Property, PropertyBuffer, QoS, Version};

use super::args::ConnectArgs;
use super::connection::Url;
use super::outcome::Failure;
use super::property::PropertyLists;
use super::session::Target;

/// The variable that has the password, which then is in no list of processes.
const PASSWORD_VARIABLE: &str = "WEIRMQ_PASSWORD";

/// What the shared options come to.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: ClientConfig,
    pub(crate) target: Target,
    pub(crate) properties: PropertyLists,
    /// The topic of a URL.
    pub(crate) topic: Option<String>,
    pub(crate) qos: QoS,
}

impl Setup {
    /// Reads the options; `tool` is part of a Client Identifier that is made here.
    pub(crate) fn new(args: &ConnectArgs, tool: &str) -> Result<Self, Failure> {
        let url = args.url.as_deref().map(Url::parse).transpose().map_err(Failure::Usage)?;
        let properties = PropertyLists::parse(&args.property).map_err(Failure::Usage)?;
        let version = Version::from(args.protocol_version);
        if version != Version::V5 && (!properties.is_empty() || args.session_expiry_interval.is_some()) {
            return Err(Failure::Usage(String::from("-D and -x need MQTT 5.0 (-V 5)")));
        }
        if args.disable_clean_session && args.id.is_none() && args.id_prefix.is_none() {
            return Err(Failure::Usage(String::from("-c keeps a session, so it needs a Client Identifier: -i or -I")));
        }
        let mut config = ClientConfig::new(version, &client_id(args, version, tool));
        config.clean_start = !args.disable_clean_session;
        config.keep_alive_s = args.keepalive;
        config.session_expiry_s =
            args.session_expiry_interval.unwrap_or(if args.disable_clean_session { u32::MAX } else { 0 });
        login(args, url.as_ref(), &mut config);
        config.will = will(args, &properties)?;
        connect_properties(properties.connect.as_properties(), &mut config);
        let target = match (&args.unix, &url) {
            (Some(path), _) => Target::Unix(path.clone()),
            (None, Some(url)) => Target::Tcp(url.host.clone(), url.port),
            (None, None) => Target::Tcp(args.host.clone(), args.port),
        };
        Ok(Self { config, target, properties, topic: url.map(|url| url.topic), qos: qos(args.qos) })
    }

    /// The Session Expiry Interval of DISCONNECT, if one was asked for.
    pub(crate) fn disconnect_expiry_s(&self) -> Option<u32> {
        self.properties.disconnect.as_properties().session_expiry_interval()
    }
}

fn client_id(args: &ConnectArgs, version: Version, tool: &str) -> String {
    let process = std::process::id();
    match (&args.id, &args.id_prefix) {
        (Some(id), _) => id.clone(),
        (None, Some(prefix)) => format!("{prefix}{process}"),
        // The broker makes one.
        (None, None) if version == Version::V5 => String::new(),
        (None, None) => format!("weirmq-{tool}-{process}"),
    }
}

fn login(args: &ConnectArgs, url: Option<&Url>, config: &mut ClientConfig) {
    let user_name = args.username.clone().or_else(|| url.and_then(|url| url.user.clone()));
    let given = args.password.clone().or_else(|| url.and_then(|url| url.password.clone()));
    let password = match (given, &user_name) {
        (Some(password), _) => Some(password),
        (None, Some(_)) => std::env::var(PASSWORD_VARIABLE).ok(),
        (None, None) => None,
    };
    config.user_name = user_name.map(String::into_boxed_str);
    config.password = password.map(|password| password.into_bytes().into_boxed_slice());
}

fn will(args: &ConnectArgs, properties: &PropertyLists) -> Result<Option<ClientWill>, Failure> {
    let Some(topic) = &args.will_topic else {
        if properties.will.is_empty() {
            return Ok(None);
        }
        return Err(Failure::Usage(String::from("-D will … needs --will-topic")));
    };
    Ok(Some(ClientWill {
        topic: topic.as_str().into(),
        payload: args.will_payload.as_deref().unwrap_or_default().as_bytes().into(),
        qos: qos(args.will_qos),
        retain: args.will_retain,
        properties: own(&properties.will),
    }))
}

fn connect_properties(properties: Properties<'_>, config: &mut ClientConfig) {
    for property in properties.iter() {
        match property {
            Property::SessionExpiryInterval(seconds) => config.session_expiry_s = seconds,
            Property::ReceiveMaximum(count) => config.receive_maximum = count,
            Property::MaximumPacketSize(bytes) => config.maximum_packet_size = bytes,
            Property::TopicAliasMaximum(count) => config.topic_alias_maximum = count,
            Property::RequestProblemInformation(wanted) => config.request_problem_information = wanted,
            Property::RequestResponseInformation(wanted) => config.request_response_information = wanted,
            Property::AuthenticationMethod(method) => config.authentication_method = Some(method.into()),
            Property::AuthenticationData(data) => config.authentication_data = Some(data.into()),
            Property::UserProperty(name, value) => config.user_properties.push((name.into(), value.into())),
            Property::PayloadFormatIndicator(_)
            | Property::MessageExpiryInterval(_)
            | Property::ContentType(_)
            | Property::ResponseTopic(_)
            | Property::CorrelationData(_)
            | Property::SubscriptionIdentifier(_)
            | Property::AssignedClientIdentifier(_)
            | Property::ServerKeepAlive(_)
            | Property::WillDelayInterval(_)
            | Property::ResponseInformation(_)
            | Property::ServerReference(_)
            | Property::ReasonString(_)
            | Property::TopicAlias(_)
            | Property::MaximumQoS(_)
            | Property::RetainAvailable(_)
            | Property::WildcardSubscriptionAvailable(_)
            | Property::SubscriptionIdentifierAvailable(_)
            | Property::SharedSubscriptionAvailable(_) => {} // not in CONNECT, so not in this list
        }
    }
}

fn own(buffer: &PropertyBuffer) -> PropertyBuffer {
    let mut copy = PropertyBuffer::new();
    copy.extend(buffer.as_properties());
    copy
}

/// The options let through 0, 1 and 2 only.
fn qos(number: u8) -> QoS {
    QoS::from_bits(number).unwrap_or_default()
}
