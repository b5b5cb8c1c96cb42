//! See [`weirmq_fuzz::broker_operations`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(broker_operations);
