//! Situations that people bring, from public reports, rebuilt by hand; each with what is true of it on ESP-IDF.

mod chips;
mod device;
mod images;
mod layouts;
mod parts;
mod selection;
mod strays;
mod tables;
mod truncated;
