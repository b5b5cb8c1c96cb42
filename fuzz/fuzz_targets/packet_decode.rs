//! See [`weirmq_fuzz::packet_decode`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(packet_decode);
