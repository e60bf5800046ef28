//! A replayed case, told to a person.

use std::fmt::{self, Write as _};

use sim_flash::{Bits, Cells, Mixture, Op, Risen, Rows, State, Tear};

use super::replay::{Replay, Step};
use crate::chip::{WeakRead, span};
use crate::explore::{Window, change, verb};
use crate::property::Finding;
use crate::subject::{Entry, Event, Rest, Subject};

/// The windows that the cuts of `replay` hit, first to last.
pub fn windows<S: Subject + ?Sized>(subject: &S, replay: &Replay) -> Vec<Window> {
    let window = |step: &Step| {
        let (cut, op) = step.cut.as_ref()?;
        let told = step.entries.iter().rev().filter(|e| e.at <= cut.op);
        let call = { told }.find_map(|entry| match &entry.event {
            Event::Call { name, .. } => Some(*name),
            _ => None,
        });
        Some(Window::of(subject, &state_before(step), op, call))
    };
    replay.steps.iter().filter_map(window).collect()
}

/// The flash right before the operation that the step's cut hit.
pub(crate) fn state_before(step: &Step) -> State {
    let mut state = step.before.clone();
    for done in &step.ops {
        state.apply(done);
    }
    state
}

/// `erase otadata[0] (seq 2 NEW -> erased)`, `program otadata[1] (-> seq 3 NEW)`, `program ota_1`.
fn words<S: Subject + ?Sized>(subject: &S, before: &State, op: &Op) -> String {
    let meaning = change(subject, before, op).map(|(from, to)| match from {
        Some(from) => format!(" ({} -> {})", from.text, to.text),
        None => format!(" (-> {})", to.text),
    });
    format!(
        "{} {}{}",
        verb(op),
        subject.place(op.addr()).name,
        meaning.unwrap_or_default()
    )
}

/// A replayed case as text: every power-on with its calls, operations, cut and decisions.
///
/// Of properties of operations it tells only if it is [about](Timeline::about) one.
pub struct Timeline<'a, S: ?Sized> {
    subject: &'a S,
    replay: &'a Replay,
    about: Option<&'a Finding>,
}

impl<'a, S: Subject + ?Sized> Timeline<'a, S> {
    /// The timeline of `replay`.
    pub fn new(subject: &'a S, replay: &'a Replay) -> Self {
        Self {
            subject,
            replay,
            about: None,
        }
    }

    /// The same, to show this finding.
    #[must_use]
    pub fn about(self, finding: Option<&'a Finding>) -> Self {
        Self {
            about: finding,
            ..self
        }
    }

    fn shows(&self, finding: &Finding) -> bool {
        match self.about {
            Some(about) if about.property.is_of_operations() => finding.says(about),
            _ => !finding.property.is_of_operations(),
        }
    }
}

impl<S: Subject + ?Sized> fmt::Display for Timeline<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut why = "from the start";
        let last_cut = self
            .replay
            .steps
            .iter()
            .rposition(|step| step.cut.is_some());
        for (index, step) in self.replay.steps.iter().enumerate() {
            writeln!(f, "power-on b{} ({why})", step.boot)?;
            // What follows a violation behind the last cut adds nothing.
            let violated = step.findings.iter().any(|finding| self.shows(finding));
            let last = violated && last_cut.is_none_or(|cut| cut < index);
            self.step(f, step, last)?;
            if last {
                break;
            }
            why = match (&step.cut, step.rest) {
                (Some(_), _) => "after the cut",
                (None, Some(Rest::Reset)) => "after the reset",
                _ => "power cycled",
            };
        }
        Ok(())
    }
}

impl<S: Subject + ?Sized> Timeline<'_, S> {
    fn step(&self, f: &mut fmt::Formatter<'_>, step: &Step, until_violated: bool) -> fmt::Result {
        let mut state = step.before.clone();
        let mut done = 0;
        let mut reads = step.weak_reads.as_slice();
        for entry in &step.entries {
            let before = reads.iter().take_while(|read| read.at <= entry.at);
            let (now, later) = reads.split_at(before.count());
            reads = later;
            for read in now {
                self.operations(f, &mut state, &step.ops[..read.at as usize], &mut done)?;
                self.weak_read(f, read)?;
            }
            self.operations(
                f,
                &mut state,
                &step.ops[..step.ops.len().min(entry.at as usize)],
                &mut done,
            )?;
            match &entry.event {
                Event::Violated(finding) if !self.shows(finding) => continue,
                _ => writeln!(f, "    {}", line(entry))?,
            }
            if until_violated && matches!(entry.event, Event::Violated(_)) {
                return Ok(());
            }
        }
        self.operations(f, &mut state, &step.ops, &mut done)?;
        if let Some((cut, op)) = &step.cut {
            writeln!(
                f,
                "  o{:<9} {} {}",
                cut.op,
                words(self.subject, &state, op),
                place(op)
            )?;
            writeln!(
                f,
                "  ** POWER CUT in o{}, {}: {}",
                cut.op,
                cut.tear,
                tear_words(cut.tear)
            )?;
            self.bytes(f, &state, &step.after, op)?;
        }
        Ok(())
    }

    fn weak_read(&self, f: &mut fmt::Formatter<'_>, read: &WeakRead) -> fmt::Result {
        let place = self.subject.place(read.range.start).name;
        write!(
            f,
            "    weak bits in {place} at {:#x}: read as ",
            read.range.start
        )?;
        match self.subject.meaning(read.range.start, &read.read) {
            Some(meaning) => write!(f, "{}", meaning.text)?,
            None if read.read.is_empty() && read.holds => write!(f, "a known image")?,
            None if read.read.is_empty() => write!(f, "no known image")?,
            None => write!(f, "{}", hex(&read.read[..read.read.len().min(32)]))?,
        }
        writeln!(f, " (reading {} of {})", read.taken + 1, read.of)
    }

    /// The operations from `done` on, those alike on one line.
    fn operations(
        &self,
        f: &mut fmt::Formatter<'_>,
        state: &mut State,
        ops: &[Op],
        done: &mut usize,
    ) -> fmt::Result {
        // Ends: each round takes at least one operation.
        while *done < ops.len() {
            let run = &ops[*done..][..self.alike(&ops[*done..])];
            match run {
                [first, .., last] => writeln!(
                    f,
                    "  {:<10} {} {} {:#x}..{:#x}, {} operations",
                    format!("o{}-o{}", *done, *done + run.len() - 1),
                    verb(first),
                    self.subject.place(first.addr()).name,
                    first.addr(),
                    span(last).end,
                    run.len()
                )?,
                [one] => writeln!(
                    f,
                    "  o{done:<9} {} {}",
                    words(self.subject, state, one),
                    place(one)
                )?,
                [] => return Ok(()),
            }
            for op in run {
                state.apply(op);
            }
            *done += run.len();
        }
        Ok(())
    }

    /// How many operations at the start of `ops` are alike enough for one line.
    fn alike(&self, ops: &[Op]) -> usize {
        let Some(first) = ops.first() else { return 0 };
        if self.subject.meaning(first.addr(), &[0xFF; 32]).is_some() {
            return 1; // a record: each operation on it is worth a line
        }
        let place = self.subject.place(first.addr());
        ops.iter()
            .take_while(|op| op.kind() == first.kind() && self.subject.place(op.addr()) == place)
            .count()
    }

    /// The first bytes that the cut left other than both before and wanted, with their surroundings.
    fn bytes(
        &self,
        f: &mut fmt::Formatter<'_>,
        before: &State,
        after: &State,
        op: &Op,
    ) -> fmt::Result {
        let len = op.len() as usize;
        let read = |state: &State| {
            let mut bytes = vec![0; len];
            state.read(op.addr(), &mut bytes);
            bytes
        };
        let mut complete = before.clone();
        complete.apply(op);
        let (old, wanted, left) = (read(before), read(&complete), read(after));
        let telling = (0..len)
            .find(|&i| left[i] != wanted[i])
            .or_else(|| (0..len).find(|&i| left[i] != old[i]));
        let Some(telling) = telling.map(|at| at / 32 * 32) else {
            return Ok(());
        };
        let rows = if self.subject.meaning(op.addr(), &old).is_some() {
            0
        } else {
            telling
        };
        let row = rows..(rows + 32).min(len);
        for (name, bytes) in [("before", &old), ("wanted", &wanted), ("left", &left)] {
            let addr = op.addr() as usize + row.start;
            writeln!(f, "     {name:<6} {addr:06x}: {}", hex(&bytes[row.clone()]))?;
        }
        if let Some(meaning) = self.subject.meaning(op.addr(), &left) {
            writeln!(f, "     reads as {}", meaning.text)?;
        }
        Ok(())
    }
}

fn line(entry: &Entry) -> String {
    match &entry.event {
        Event::Boot(text) => format!("boot: {}", text.replace('\n', "\n      ")),
        Event::Call { name, .. } if name.ends_with(')') => (*name).to_owned(),
        Event::Call { name, argument } => format!("{name}({argument})"),
        Event::Note(text) => text.clone(),
        Event::Violated(finding) => finding.to_string(),
    }
}

fn place(op: &Op) -> String {
    format!("at {:#x}, {} bytes", op.addr(), op.len())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        let gap = if at > 0 && at % 4 == 0 { " " } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{byte:02x}");
    }
    text
}

/// What a tear leaves, in words.
pub(crate) fn tear_words(tear: Tear) -> String {
    match tear {
        Tear::P0 | Tear::E0 => "nothing had happened yet".into(),
        Tear::P1(n) => format!("only the first {} programmed", bytes_were(n)),
        Tear::P2(Rows::From(n)) => format!("only the bytes from {n} on were programmed"),
        Tear::P2(Rows::One { width, row }) => {
            format!("of the rows of {width} bytes only row {row} was programmed")
        }
        Tear::P2(Rows::AllBut { width, row }) => {
            format!("of the rows of {width} bytes all but row {row} were programmed")
        }
        Tear::P3(Bits::One(n)) => format!(
            "of the bits to clear only bit {} of byte {} was cleared",
            n % 8,
            n / 8
        ),
        Tear::P3(Bits::AllBut(n)) => {
            format!(
                "of the bits to clear all but bit {} of byte {} were cleared",
                n % 8,
                n / 8
            )
        }
        Tear::P3(Bits::Seeded(n)) => {
            format!("of the bits to clear a subset was cleared (drawn by seed {n})")
        }
        Tear::P3(Bits::Mask(_)) => "of the bits to clear those of this mask were cleared".into(),
        Tear::P6 | Tear::E7 => "it was complete, but the device was never told".into(),
        Tear::E1(n) => format!(
            "pre-programming was cut when the first {} zeroed",
            bytes_were(n)
        ),
        Tear::E2(n) => format!(
            "pre-programming was cut when the bytes from {n} on were zeroed; those before are intact"
        ),
        Tear::E3 => "pre-programming was done: every bit is 0".into(),
        Tear::E4(_) => "some bits were back at 1, the rest still 0".into(),
        Tear::P4(_) => "of the bits to clear some were left weak".into(),
        Tear::P5(_) => "it reads as wanted, but some of the bits cleared are weak".into(),
        Tear::E5(_) => "it reads as erased, but some bits are weak".into(),
        Tear::E6(Bits::All) => "every bit is weak".into(),
        Tear::E6(_) => "anything, some of it weak".into(),
        Tear::P7(around, _) => format!(
            "it reads as wanted, but the bits cleared are weak, and so are {} bits of the rest of its {}",
            if matches!(tear, Tear::P7(_, Bits::All)) {
                "all"
            } else {
                "some"
            },
            match around {
                sim_flash::Around::Page => "page",
                sim_flash::Around::Sector => "sector",
            }
        ),
        Tear::E8(neighbour, _) => format!(
            "it was complete, and bits of the sector {} it are weak",
            match neighbour {
                sim_flash::Neighbour::Before => "before",
                sim_flash::Neighbour::Behind => "behind",
            }
        ),
        Tear::E9(risen) => format!(
            "nothing was zeroed: {}, the rest is as it was",
            risen_words(risen)
        ),
        Tear::E11(risen) => format!(
            "nothing was zeroed: {}, and of the rest what was 0 is weak",
            risen_words(risen)
        ),
        Tear::E10(Mixture::Up { risen, zeroed }) => format!(
            "the first {} erased, those up to byte {zeroed} zeroed, the rest is as it was",
            bytes_were(risen)
        ),
        Tear::E10(Mixture::Down { risen, zeroed }) => format!(
            "the last {} erased, those before it zeroed from the last {zeroed} on, the rest is as it was",
            bytes_were(risen)
        ),
        Tear::E10(Mixture::Row {
            width,
            row,
            is,
            rest,
        }) => format!(
            "row {row} of {width} bytes {}, the others {}",
            cells_words(is, false),
            cells_words(rest, true)
        ),
        Tear::E10(_) => "row by row it is as it was, zeroed or erased".into(),
        _ => "see the fault table of sim-flash".into(),
    }
}

/// Which bits of an erase have risen, in words.
fn risen_words(risen: Risen) -> String {
    let bits = |bits: Bits, of: &str| match bits {
        Bits::None => format!("no bit{of} had risen"),
        Bits::One(n) => format!("bit {} of byte {}{of} alone had risen", n % 8, n / 8),
        Bits::AllBut(n) => format!("all bits{of} but bit {} of byte {} had risen", n % 8, n / 8),
        Bits::Quick(_) => format!("all bits{of} but those of slow cells had risen"),
        _ => format!("some bits{of} had risen"),
    };
    match risen {
        Risen::To(n) => format!("the first {} erased", bytes_were(n)),
        Risen::From(n) => format!("the bytes from {n} on were erased"),
        Risen::Row { width, row } => format!("row {row} of {width} bytes was erased"),
        Risen::AllBut { width, row } => format!("all but row {row} of {width} bytes was erased"),
        Risen::Within(row, part) => format!(
            "all but row {} of 32 bytes was erased, in which {}",
            row.0,
            bits(part, " of it")
        ),
        Risen::Bits(part) => bits(part, ""),
        _ => "some bits had risen".into(),
    }
}

fn cells_words(cells: Cells, several: bool) -> &'static str {
    match (cells, several) {
        (Cells::Old, false) => "is as it was",
        (Cells::Old, true) => "are as they were",
        (Cells::Zero, false) => "is zeroed",
        (Cells::Zero, true) => "are zeroed",
        (Cells::Risen, false) => "is erased",
        (Cells::Risen, true) => "are erased",
    }
}

fn bytes_were(n: u32) -> String {
    if n == 1 {
        "byte was".into()
    } else {
        format!("{n} bytes were")
    }
}
