//! `brownout zoo`.

use super::Usage;
use super::args::ZooArgs;
use super::stdout::out;
use crate::zoo::{self, Specimen};

const SURVIVED: u8 = 1;

pub(super) fn run(args: &ZooArgs) -> Result<u8, Usage> {
    let specimens: Vec<&'static Specimen> = if args.subject.is_empty() {
        zoo::specimens().collect()
    } else {
        let named = args.subject.iter().map(|name| specimen(name));
        named.collect::<Result<_, _>>()?
    };
    let report = zoo::hunt(&specimens);
    if args.json {
        out!("{}", report.json())?;
    } else {
        out!("{report}")?;
        if !args.subject.is_empty() {
            out!("{}", report.told())?;
        }
    }
    Ok(if report.passed() { 0 } else { SURVIVED })
}

fn specimen(name: &str) -> Result<&'static Specimen, Usage> {
    zoo::find(name).ok_or_else(|| {
        let known: Vec<_> = zoo::specimens().map(|specimen| specimen.name).collect();
        Usage::new(format_args!(
            "--subject {name}: found no subject of this name, expected one of {}",
            known.join(", ")
        ))
    })
}
