//! See [`weirmq_fuzz::topic_tree`].
#![cfg_attr(fuzzing, no_main)]
weirmq_fuzz::main!(topic_tree);
