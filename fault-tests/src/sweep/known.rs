//! The known windows of the stock algorithm, alone or in company with the hardened policy.
//!
//! ESP-IDF's algorithm does not keep every property under every cut. Each
//! place where it does not is listed here with its reason, told apart by
//! property, call and transition. A sweep that finds a window that is not in
//! this list has found something new, and fails.
//! Of erases that leave old bits beside risen ones [`RISEN`] says so once for all calls, and at levels with weak bits
//! [`WEAK`] does.

mod cause;
mod company;
mod operations;
mod risen;
mod stock;
mod wavering;
mod weak;

use sim_flash::Level;

use crate::case::Window;
use crate::explore::Path;
use crate::ota::Policy;
use crate::property::{Consequence, Property};

pub use cause::Cause;
pub use company::{STOCK_APPLICATION, STOCK_BOOTLOADER};
pub use operations::OPERATIONS;
pub use risen::RISEN;
pub use stock::STOCK;
pub use wavering::WAVERING;
pub use weak::WEAK;

/// One known window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The property that does not hold there.
    pub property: Property,
    /// What the device is doing: `boot`, or the application's call.
    pub call: &'static str,
    /// The operation that the cut hits, or that is itself what is wrong.
    pub transition: &'static str,
    /// The fewest cuts in a row that lead to it.
    pub cuts: u32,
    /// Why.
    pub why: Why,
}

/// Why there is a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    /// The weakness that it comes from.
    pub cause: Cause,
    /// How it comes from it, in this window.
    pub text: &'static str,
}

const fn why(cause: Cause, text: &'static str) -> Why {
    Why { cause, text }
}

impl Known {
    /// What it means to the owner of the device.
    pub const fn consequence(&self) -> Consequence {
        self.property.consequence()
    }
}

/// Any call of the application, or the bootloader.
pub const ANY_CALL: &str = "any call";

const fn known(
    property: Property,
    call: &'static str,
    transition: &'static str,
    cuts: u32,
    why: Why,
) -> Known {
    Known {
        property,
        call,
        transition,
        cuts,
        why,
    }
}

/// Every known window of the stock policy: of cuts, and of operations.
pub fn of_stock() -> impl Iterator<Item = &'static Known> {
    STOCK.iter().chain(&OPERATIONS).chain(&RISEN).chain(&WEAK)
}

/// What is known of `property` where a read wavers: under a bootloader that is stock.
pub fn of_wavering(policy: Policy, property: Property) -> Option<&'static Known> {
    let of_property = |known: &&Known| known.property == property;
    WAVERING
        .iter()
        .find(of_property)
        .filter(|_| matches!(policy, Policy::Stock | Policy::StockBootloader))
}

/// And those of devices of which one half is stock.
pub fn all() -> impl Iterator<Item = &'static Known> {
    of_stock()
        .chain(&STOCK_BOOTLOADER)
        .chain(&STOCK_APPLICATION)
}

/// The known window that this is, if it is one at `level` behind the cuts of `path`. Of the hardened policy none is known.
pub fn find(
    policy: Policy,
    property: Property,
    window: Option<&Window>,
    level: Level,
    path: &Path,
) -> Option<&'static Known> {
    let window = window?;
    let tables: &[&'static [Known]] = match policy {
        Policy::Stock => &[&STOCK, &OPERATIONS],
        Policy::StockBootloader => &[&STOCK_BOOTLOADER],
        Policy::StockApplication => &[&STOCK_APPLICATION],
        Policy::Hardened(_) => return None,
    };
    let stable = tables.iter().copied().flatten().find(|known| {
        known.property == property
            && known.call == window.call
            && known.transition == window.transition
    });
    let for_all_calls = |tables: &'static [Known]| {
        tables.iter().find(|known| {
            known.property == property && window.transition.starts_with(known.transition)
        })
    };
    stable.or_else(|| match level {
        Level::L0 | Level::L1 => None,
        // Where no bit rose from the old content there is another cause.
        Level::L2 => {
            for_all_calls(&RISEN).filter(|_| path.cuts.iter().any(|cut| cut.tear.rises_from_old()))
        }
        _ => for_all_calls(&WEAK),
    })
}
