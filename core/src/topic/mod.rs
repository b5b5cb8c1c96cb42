//! Topic names and filters, and the structures that find subscribers and retained messages.
