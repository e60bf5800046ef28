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
    "p11-calls-2-factory-erase-last-boot-app-partition-erase-otadata-new-erased",
    "p11-calls-2-factory-erase-last-boot-app-partition-erase-otadata-valid-erased",
    "p11-calls-2-factory-invalidate-inactive-otadata-slot-erase-otadata-new-erased",
    "p11-calls-2-factory-invalidate-inactive-otadata-slot-erase-otadata-valid-erased",
    "p11-calls-2-factory-mark-app-invalid-rollback-erase-otadata-valid-erased",
    "p11-calls-2-factory-plain-mark-app-invalid-rollback-erase-otadata-undefined-erased",
    "p11-calls-2-factory-plain-mark-app-valid-cancel-rollback-erase-otadata-new-erased",
    "p11-calls-2-factory-plain-mark-app-valid-cancel-rollback-erase-otadata-undefined-erased",
    "p11-calls-2-factory-plain-set-boot-partition-factory-erase-otadata-undefined-erased",
    "p11-calls-2-factory-plain-set-boot-partition-running-erase-otadata-undefined-erased",
    "p11-calls-2-factory-set-boot-partition-erase-otadata-new-erased",
    "p11-calls-2-factory-set-boot-partition-erase-otadata-valid-erased",
    "p11-calls-2-factory-set-boot-partition-factory-erase-otadata-new-erased",
    "p11-calls-2-factory-set-boot-partition-factory-erase-otadata-valid-erased",
    "p11-calls-2-factory-set-boot-partition-running-erase-otadata-valid-erased",
    "p11-calls-2-factory-set-boot-partition-skip-validate-erase-otadata-undefined-erased",
    "p11-calls-3-factory-set-boot-partition-skip-validate-erase-otadata-new-erased",
    "p11-calls-3-factory-set-boot-partition-skip-validate-erase-otadata-valid-erased",
    "p11-first-update-boot-erase-otadata-new-erased",
    "p11-three-updates-set-boot-partition-erase-otadata-undefined-erased",
    "p13-calls-2-begin-erase-otadata-valid-erased",
    "p13-calls-2-begin-erase-slot",
    "p13-calls-2-erase-last-boot-app-partition-erase-otadata-valid-erased",
    "p13-calls-2-erase-last-boot-app-partition-erase-slot",
    "p13-calls-2-factory-erase-last-boot-app-partition-erase-otadata-new-erased",
    "p13-calls-2-factory-plain-end-erase-slot",
    "p13-calls-2-factory-plain-end-program-slot",
    "p13-calls-2-factory-plain-erase-last-boot-app-partition-erase-otadata-undefined-erased",
    "p13-calls-2-factory-plain-mark-app-valid-cancel-rollback-erase-otadata-undefined-erased",
    "p13-calls-2-factory-plain-mark-app-valid-cancel-rollback-program-otadata-valid",
    "p13-calls-2-factory-plain-set-boot-partition-factory-erase-otadata-erased-erased",
    "p13-calls-2-factory-plain-set-boot-partition-running-erase-otadata-undefined-erased",
    "p13-calls-2-factory-plain-set-boot-partition-running-program-otadata-undefined",
    "p13-calls-2-factory-plain-set-boot-partition-skip-validate-erase-otadata-erased-erased",
    "p13-calls-2-factory-plain-write-erase-slot",
    "p13-calls-2-factory-plain-write-program-slot",
    "p13-calls-2-factory-plain-write-with-offset-program-slot",
    "p13-first-update-boot-erase-otadata-damaged-erased",
    "p13-first-update-boot-program-otadata-damaged",
    "p13-first-update-set-boot-partition-erase-otadata-damaged-erased",
    "p13-first-update-set-boot-partition-erase-otadata-erased-erased",
    "p13-no-factory-boot-erase-otadata-erased-erased",
    "p13-no-factory-boot-erase-otadata-pending-verify-erased",
    "p13-no-factory-boot-program-otadata-aborted",
    "p13-three-updates-set-boot-partition-erase-otadata-aborted-erased",
    "p2-calls-2-factory-boot-erase-otadata-new-erased",
    "p2-calls-2-factory-boot-program-otadata-damaged",
    "p2-calls-2-factory-boot-program-otadata-pending-verify",
    "p2-calls-2-factory-plain-mark-app-valid-cancel-rollback-erase-otadata-undefined-erased",
    "p2-calls-2-factory-plain-mark-app-valid-cancel-rollback-program-otadata-valid",
    "p2-calls-2-factory-plain-set-boot-partition-erase-otadata-erased-erased",
    "p2-calls-2-factory-plain-set-boot-partition-factory-erase-otadata-undefined-erased",
    "p2-calls-2-factory-set-boot-partition-erase-otadata-valid-erased",
    "p2-calls-2-factory-set-boot-partition-factory-erase-otadata-valid-erased",
    "p2-calls-2-factory-set-boot-partition-program-otadata-new",
    "p2-calls-2-factory-set-boot-partition-running-erase-otadata-valid-erased",
    "p2-calls-2-factory-set-boot-partition-running-program-otadata-new",
    "p2-calls-2-factory-set-boot-partition-skip-validate-erase-otadata-valid-erased",
    "p2-calls-2-factory-set-boot-partition-skip-validate-program-otadata-new",
    "p2-calls-2-set-boot-partition-erase-otadata-undefined-erased",
    "p2-calls-3-factory-set-boot-partition-skip-validate-erase-otadata-new-erased",
    "p2-three-updates-boot-erase-otadata-damaged-erased",
    "p2-three-updates-boot-erase-otadata-erased-erased",
    "p2-three-updates-boot-erase-otadata-pending-verify-erased",
    "p2-three-updates-boot-program-otadata-aborted",
    "p2-three-updates-set-boot-partition-erase-otadata-aborted-erased",
    "p2-three-updates-set-boot-partition-erase-otadata-damaged-erased",
    "p2-three-updates-write-program-slot",
    "p3-calls-2-boot-erase-otadata-erased-erased",
    "p3-calls-2-boot-program-otadata-aborted",
    "p3-calls-2-factory-boot-program-otadata-damaged",
    "p3-calls-2-factory-plain-mark-app-valid-cancel-rollback-erase-otadata-undefined-erased",
    "p3-calls-2-factory-plain-mark-app-valid-cancel-rollback-program-otadata-valid",
    "p3-calls-2-factory-plain-set-boot-partition-erase-otadata-undefined-erased",
    "p3-calls-2-factory-plain-set-boot-partition-factory-erase-otadata-erased-erased",
    "p3-calls-2-factory-plain-set-boot-partition-program-otadata-undefined",
    "p3-calls-2-factory-plain-set-boot-partition-running-erase-otadata-undefined-erased",
    "p3-calls-2-factory-plain-set-boot-partition-running-program-otadata-undefined",
    "p3-calls-2-factory-plain-set-boot-partition-skip-validate-erase-otadata-undefined-erased",
    "p3-calls-2-factory-plain-set-boot-partition-skip-validate-program-otadata-undefined",
    "p3-calls-2-factory-set-boot-partition-erase-otadata-new-erased",
    "p3-calls-2-factory-set-boot-partition-program-otadata-new",
    "p3-calls-2-plain-set-boot-partition-running-erase-otadata-valid-erased",
    "p3-first-update-boot-erase-otadata-new-erased",
    "p3-first-update-boot-program-otadata-pending-verify",
    "p3-no-factory-mark-app-valid-cancel-rollback-erase-otadata-pending-verify-erased",
    "p3-no-factory-write-program-slot",
    "p4-calls-2-boot-program-otadata-aborted",
    "p4-calls-2-boot-program-otadata-pending-verify",
    "p4-calls-2-factory-boot-erase-otadata-new-erased",
    "p4-calls-2-factory-boot-program-otadata-damaged",
    "p4-calls-2-factory-mark-app-invalid-rollback-program-otadata-invalid",
    "p4-calls-2-factory-set-boot-partition-erase-otadata-erased-erased",
    "p4-calls-2-factory-set-boot-partition-program-otadata-new",
    "p4-calls-2-factory-set-boot-partition-running-program-otadata-new",
    "p4-calls-2-factory-set-boot-partition-skip-validate-program-otadata-new",
    "p5-calls-2-boot-program-otadata-aborted",
    "p5-calls-2-factory-boot-program-otadata-damaged",
    "p5-calls-2-factory-set-boot-partition-factory-erase-otadata-erased-erased",
];
