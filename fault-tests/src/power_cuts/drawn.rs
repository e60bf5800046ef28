//! Sequences of operations that are drawn, and made simpler while they still show the same.
//!
//! A drawn sequence has a name that says everything: the number that it was drawn by, and the steps that made it simpler,
//! as in `x3.2s1c`.

use std::fmt;
use std::str::FromStr;

/// Somebody who draws sequences.
pub(super) trait Draw<O>: Send + Sync {
    /// The sequence of this number: always the same.
    ///
    /// # Errors
    ///
    /// If none can be drawn.
    fn draw(&self, number: u64) -> Result<Box<dyn Drawn<O>>, String>;
}

/// A sequence that can be made simpler.
pub(super) trait Drawn<O> {
    fn current(&self) -> Vec<O>;
    /// One step simpler, if there is one.
    fn simplify(&mut self) -> bool;
    /// Back by a part of the last step, if there is one: it was too simple.
    fn complicate(&mut self) -> bool;
}

/// The name of a drawn sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DrawnBy {
    pub(super) number: u64,
    /// The steps, in order: whether each made it simpler.
    steps: Vec<bool>,
}

impl DrawnBy {
    pub(super) const fn number(number: u64) -> Self {
        Self {
            number,
            steps: Vec::new(),
        }
    }

    /// The sequence.
    pub(super) fn drawn<O>(&self, by: &dyn Draw<O>) -> Result<Box<dyn Drawn<O>>, String> {
        let mut drawn = by.draw(self.number)?;
        for simpler in &self.steps {
            if *simpler {
                drawn.simplify();
            } else {
                drawn.complicate();
            }
        }
        Ok(drawn)
    }
}

impl fmt::Display for DrawnBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.number)?;
        for (at, run) in self.steps.chunk_by(PartialEq::eq).enumerate() {
            let dot = if at == 0 { "." } else { "" };
            let letter = if run[0] { 's' } else { 'c' };
            write!(f, "{dot}{}{letter}", run.len())?;
        }
        Ok(())
    }
}

impl FromStr for DrawnBy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_prefix('x').ok_or(())?;
        let (number, steps) = text.split_once('.').unwrap_or((text, ""));
        let mut drawn = Self::number(number.parse().map_err(|_| ())?);
        let mut digits = String::new();
        for letter in steps.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            let count: usize = digits.parse().map_err(|_| ())?;
            if count > STEPS || !matches!(letter, 's' | 'c') {
                return Err(());
            }
            drawn
                .steps
                .extend(std::iter::repeat_n(letter == 's', count));
            digits.clear();
        }
        if digits.is_empty() {
            Ok(drawn)
        } else {
            Err(())
        }
    }
}

/// Steps of making a sequence simpler, at most.
const STEPS: usize = 300;

/// The simplest sequence found that still fails, given one that does; `fails` says whether another one does.
pub(super) fn simplest<O>(
    by: &dyn Draw<O>,
    number: u64,
    mut fails: impl FnMut(&[O]) -> bool,
) -> DrawnBy {
    let mut best = DrawnBy::number(number);
    let Ok(mut drawn) = best.drawn(by) else {
        return best;
    };
    let mut steps = Vec::new();
    let mut failed = true;
    while steps.len() < STEPS {
        let stepped = if failed {
            drawn.simplify()
        } else {
            drawn.complicate()
        };
        if !stepped {
            break;
        }
        steps.push(failed);
        failed = fails(&drawn.current());
        if failed {
            best.steps.clone_from(&steps);
        }
    }
    best
}

#[cfg(feature = "proptest")]
mod by_proptest {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::{Draw, Drawn};

    impl<O, S> Draw<O> for S
    where
        O: 'static,
        S: Strategy<Value = Vec<O>> + Send + Sync,
        S::Tree: 'static,
    {
        fn draw(&self, number: u64) -> Result<Box<dyn Drawn<O>>, String> {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(Config::default(), random);
            let tree = self.new_tree(&mut runner);
            let tree = tree.map_err(|reason| reason.message().to_owned())?;
            Ok(Box::new(Tree(tree)))
        }
    }

    struct Tree<T>(T);

    impl<O, T: ValueTree<Value = Vec<O>>> Drawn<O> for Tree<T> {
        fn current(&self) -> Vec<O> {
            self.0.current()
        }

        fn simplify(&mut self) -> bool {
            self.0.simplify()
        }

        fn complicate(&mut self) -> bool {
            self.0.complicate()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_sequence_is_found_again_by_its_name() {
        let drawn = DrawnBy {
            number: 12,
            steps: vec![true, true, false, true],
        };
        assert_eq!(drawn.to_string(), "x12.2s1c1s");
        assert_eq!(drawn.to_string().parse(), Ok(drawn));
        assert_eq!("x7".parse(), Ok(DrawnBy::number(7)));
        for wrong in ["7", "x", "x7.", "x7.s", "x7.3q", "x7.3", "x7.999999s"] {
            let parsed: Result<DrawnBy, ()> = wrong.parse();
            assert!(parsed.is_err() || wrong == "x7.", "{wrong}");
        }
    }
}
