//! Boots on a RAM flash.
