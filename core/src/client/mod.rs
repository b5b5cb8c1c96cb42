//! The client side of MQTT as a state machine.
