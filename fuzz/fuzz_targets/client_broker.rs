#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(client_broker);
