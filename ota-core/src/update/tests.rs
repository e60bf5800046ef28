//! Updates on a RAM flash.
