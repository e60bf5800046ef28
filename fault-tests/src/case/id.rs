//! Case ids: text that says everything needed to replay a case.

use std::fmt;
use std::str::FromStr;

use sim_flash::{Contract, Tear};

use crate::explore::{CutAt, Decided, Path};

/// The id of a case. See [the module](super) for its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseId {
    /// The scenario's name.
    pub scenario: String,
    /// The name of its start, if it has several.
    pub start: String,
    /// A hash of the user's own table and images, if it is not about the bundled ones.
    pub inputs: Option<u32>,
    /// The chip profile's name.
    pub profile: String,
    /// The contract under which the sweep found it.
    pub contract: Contract,
    /// The commit policy's name.
    pub policy: String,
    /// The cuts, and what weak bits were read as.
    pub path: Path,
    /// A hash of every operation up to the last cut.
    pub trace: u32,
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bo1:{}", self.scenario)?;
        if !self.start.is_empty() {
            write!(f, ".{}", self.start)?;
        }
        if let Some(inputs) = self.inputs {
            write!(f, "+{inputs:08x}")?;
        }
        let (profile, contract) = (&self.profile, self.contract);
        write!(f, "@{profile}:{contract}:{}{}", self.policy, self.path)?;
        write!(f, "~{:08x}", self.trace)
    }
}

/// Why a text is no case id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseIdError {
    /// What was found.
    pub found: String,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for CaseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a case id: found \"{}\", expected {} (a case id looks like bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3~9c3e01ab)",
            self.found, self.expected
        )
    }
}

impl std::error::Error for CaseIdError {}

fn expected<T>(found: &str, expected: &'static str) -> Result<T, CaseIdError> {
    Err(CaseIdError {
        found: found.to_owned(),
        expected,
    })
}

impl FromStr for CaseId {
    type Err = CaseIdError;

    fn from_str(text: &str) -> Result<Self, CaseIdError> {
        let Some(rest) = text.strip_prefix("bo1:") else {
            return expected(text, "\"bo1:\" at the start");
        };
        let Some((rest, trace)) = rest.rsplit_once('~') else {
            return expected(rest, "\"~\" and the trace hash at the end");
        };
        let trace = hex(trace, "eight hex digits of trace hash after \"~\"")?;
        let mut parts = rest.split('/');
        let head = parts.next().unwrap_or_default();
        let Some((scenario, chip)) = head.split_once('@') else {
            return expected(head, "SCENARIO[.START]@PROFILE:LEVEL:POLICY");
        };
        let (scenario, inputs) = match scenario.split_once('+') {
            Some((name, hash)) => (
                name,
                Some(hex(hash, "eight hex digits of input hash after \"+\"")?),
            ),
            None => (scenario, None),
        };
        let (scenario, start) = scenario.split_once('.').unwrap_or((scenario, ""));
        let [profile, contract, policy] = chip.split(':').collect::<Vec<_>>()[..] else {
            return expected(chip, "PROFILE:LEVEL:POLICY");
        };
        let Ok(contract) = contract.parse() else {
            return expected(contract, "a contract level, L0 to L5 or L3-noheal");
        };
        let mut path = Path::default();
        for part in parts {
            match part.strip_prefix('w') {
                Some(readings) => {
                    let cuts = u32::try_from(path.cuts.len()).unwrap_or(u32::MAX);
                    path.weak.push(decided(part, readings, cuts)?);
                }
                None if part == "asked" => path.asked = true,
                None => path.cuts.push(cut(part)?),
            }
        }
        Ok(Self {
            scenario: scenario.to_owned(),
            start: start.to_owned(),
            inputs,
            profile: profile.to_owned(),
            contract,
            policy: policy.to_owned(),
            path,
            trace,
        })
    }
}

fn hex(text: &str, what: &'static str) -> Result<u32, CaseIdError> {
    let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match u32::from_str_radix(text, 16) {
        Ok(value) if digits => Ok(value),
        _ => expected(text, what),
    }
}

/// Readings of weak bits: `w1.0.3`, of which `w` is taken off in `readings`.
fn decided(text: &str, readings: &str, cuts: u32) -> Result<Decided, CaseIdError> {
    let mut numbers = readings.split('.');
    let boot = numbers.next().and_then(|boot| boot.parse().ok());
    let taken: Result<Vec<u16>, _> = numbers.map(str::parse).collect();
    match (boot, taken) {
        (Some(boot), Ok(taken)) if !taken.is_empty() => Ok(Decided { cuts, boot, taken }),
        _ => expected(text, "readings of weak bits such as w1.0.3"),
    }
}

/// One cut: `o213.E2.n100` or `b1.o2.P3.b17`.
fn cut(text: &str) -> Result<CutAt, CaseIdError> {
    let numbered = |part: &str, letter: char| -> Option<u32> {
        let digits = part.strip_prefix(letter)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let (boot, rest) = match text.split_once('.') {
        Some((first, rest)) if first.starts_with('b') => match numbered(first, 'b') {
            Some(boot) => (boot, rest),
            None => return expected(first, "a power-on such as b1"),
        },
        _ => (0, text),
    };
    let Some((op, tear)) = rest.split_once('.') else {
        return expected(text, "a cut such as o213.E3 or b1.o2.P1.n17");
    };
    let Some(op) = numbered(op, 'o') else {
        return expected(op, "an operation such as o213");
    };
    let Ok(tear) = tear.parse::<Tear>() else {
        return expected(tear, "a tear such as P0, P1.n17, P3.b4, E2.n100 or E7");
    };
    Ok(CutAt { boot, op, tear })
}
