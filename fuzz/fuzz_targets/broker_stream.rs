//! See [`weirmq_fuzz::broker_stream`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(broker_stream);
