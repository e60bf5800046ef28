//! The power-cut cases: failures that a sweep found and that must stay understood, one file each.
//!
//! This crate only hands the text out; the `fault-tests` crate defines and replays it.

/// One case: a file in `cases/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// File name without the extension `.case`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

/// The bundled case of this name (without extension).
pub fn case(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

/// Hands out the listed files of `cases/`. A test compares the list with the folder.
macro_rules! cases {
    ($($name:literal),* $(,)?) => {
        &[$(Case {
            name: $name,
            text: include_str!(concat!("../cases/", $name, ".case")),
        }),*]
    };
}

/// Every bundled case. To add one, put `NAME.case` into `cases/` and its name here, in order.
pub static CASES: &[Case] = cases![
    "p13-first-update-boot-program-otadata-damaged",
    "p13-first-update-set-boot-partition-erase-otadata-erased-erased",
    "p13-no-factory-boot-erase-otadata-erased-erased",
    "p2-three-updates-write-program-slot",
    "p3-first-update-boot-erase-otadata-new-erased",
    "p3-no-factory-boot-program-otadata-aborted",
    "p3-no-factory-write-program-slot",
    "p3-update-confirm-boot-program-otadata-pending-verify",
];
