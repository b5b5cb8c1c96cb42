//! See [`weirmq_fuzz::client_broker`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(client_broker);
