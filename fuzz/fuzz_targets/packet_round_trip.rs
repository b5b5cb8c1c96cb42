//! See [`weirmq_fuzz::packet_round_trip`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(packet_round_trip);
