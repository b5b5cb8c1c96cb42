//! What is filled and used again: properties and filters to be sent.

use crate::packet::{Property, PropertyBuffer, QoS, SubscribeBuffer, SubscriptionOptions, UnsubscribeBuffer};

#[test]
fn filters_to_subscribe_to() {
    let options = SubscriptionOptions {
        qos: QoS::AtLeastOnce,
        no_local: true,
        ..SubscriptionOptions::with_qos(QoS::AtLeastOnce)
    };
    let mut buffer = SubscribeBuffer::new();
    for _ in 0..2 {
        assert!(buffer.is_empty());
        assert_eq!((buffer.len(), buffer.as_filters().count()), (0, 0));
        buffer.push("a/b", options);
        buffer.push("", SubscriptionOptions::with_qos(QoS::ExactlyOnce));
        assert!(!buffer.is_empty());
        assert_eq!(buffer.len(), 2 + 3 + 1 + 2 + 1);
        let filters = buffer.as_filters().map(|filter| (filter.filter, filter.options));
        assert!(filters.eq([("a/b", options), ("", SubscriptionOptions::with_qos(QoS::ExactlyOnce))]));
        let mut others = SubscribeBuffer::new();
        others.push("a/b", options);
        assert_ne!(buffer.as_filters(), others.as_filters());
        others.push("", SubscriptionOptions::with_qos(QoS::ExactlyOnce));
        assert_eq!(buffer.as_filters(), others.as_filters());
        buffer.clear();
    }
}

#[test]
fn filters_to_unsubscribe_from() {
    let mut buffer = UnsubscribeBuffer::new();
    for _ in 0..2 {
        assert!(buffer.is_empty());
        assert_eq!((buffer.len(), buffer.as_filters().count()), (0, 0));
        buffer.push("a/b");
        buffer.push("#");
        assert!(!buffer.is_empty());
        assert_eq!(buffer.len(), 2 + 3 + 2 + 1);
        assert!(buffer.as_filters().eq(["a/b", "#"]));
        buffer.clear();
    }
}

#[test]
fn properties() {
    let mut buffer = PropertyBuffer::new();
    for _ in 0..2 {
        assert!(buffer.as_properties().is_empty());
        buffer.push(Property::TopicAlias(7));
        buffer.push(Property::UserProperty("a", "b"));
        assert!(!buffer.as_properties().is_empty());
        assert_eq!(buffer.as_properties().as_bytes(), [0x23, 0, 7, 0x26, 0, 1, b'a', 0, 1, b'b']);
        buffer.clear();
        // What was there before is not known of any more.
        let another = PropertyBuffer::new();
        assert_eq!(buffer.as_properties(), another.as_properties());
    }
}
