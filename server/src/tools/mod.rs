//! `weirmq pub` and `weirmq sub`: clients for the command line with the habits of mosquitto_pub and mosquitto_sub.

pub mod args;
mod connection;
mod format;
mod property;
