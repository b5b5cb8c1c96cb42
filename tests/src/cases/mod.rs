//! Cases that hold in every [`World`](crate::World): on each runtime over sockets, and on the core through memory.
//!
//! [`each_case!`](crate::each_case) is the list of them; a test file turns it into `#[test]` functions.

mod access;
mod bad;
mod connecting;
mod flow;
mod properties;
mod publishing;
mod sessions;

pub use access::*;
pub use bad::*;
pub use connecting::*;
pub use flow::*;
pub use properties::*;
pub use publishing::*;
pub use sessions::*;

/// Hands the names of all cases to a macro: `each_case!(make)` is `make! { name name … }`.
#[macro_export]
macro_rules! each_case {
    ($make:ident) => {
        $make! {
            connects_with_3_1
            connects_with_3_1_1
            connects_with_5_0
            answers_ping
            assigns_a_client_identifier
            refuses_an_empty_identifier_with_a_session
            refuses_an_empty_identifier_in_3_1
            refuses_an_unknown_protocol_level
            ignores_the_unused_connect_flag_of_3_1
            closes_what_cannot_be_answered
            a_rule_refuses_subscriptions
            a_rule_refuses_publishes
            a_rule_refuses_wills
            packets_behind_a_refused_connect_are_not_executed
            publishes_at_qos_0
            publishes_at_qos_1
            publishes_at_qos_2
            delivers_at_the_lower_qos
            reaches_every_version
            hides_dollar_topics_from_wildcards
            unsubscribes
            keeps_the_order_of_a_publisher
            retains_a_message
            replaces_and_deletes_a_retained_message
            retain_handling_is_obeyed
            shares_a_subscription
            no_local_spares_the_publisher
            publishes_the_will_of_a_broken_connection
            publishes_a_retained_will
            forgets_the_will_of_a_disconnected_client
            disconnect_0x04_publishes_the_will
            keeps_a_session_over_a_reconnect
            keeps_a_3_1_1_session_over_a_reconnect
            sends_unacknowledged_messages_again
            finishes_qos_2_over_a_reconnect
            does_not_deliver_qos_2_twice
            clean_start_ends_the_session
            takes_a_session_over
            takes_a_3_1_1_session_over
            forwards_properties
            forwards_user_properties_in_order
            tells_the_subscription_identifier
            understands_topic_aliases
            obeys_receive_maximum
            obeys_maximum_packet_size
            delivers_a_large_message_intact
            serves_a_subscriber_that_stops_and_reads_on
            reads_many_packets_of_one_write
            reads_packets_byte_by_byte
            hears_a_client_to_the_end_of_file
            answers_a_client_that_has_closed_its_side
            malformed_packets_close_one_connection
        }
    };
}
