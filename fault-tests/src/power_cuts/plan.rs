//! What a test says: the chip, the code, its operations, its model; and how hard to try.

use std::fmt::{self, Debug};
use std::path::PathBuf;
use std::sync::Arc;

use sim_flash::{Geometry, Level, Profile, SpiNor};

use super::course::StartKind;
use super::device::{Code, Told};
use super::drawn::Draw;
use super::flash::DeviceFlash;
use crate::property::Property;

/// The beginning of a test: see [the module](super).
#[derive(Clone, Debug)]
pub struct PowerCuts<G = SpiNor> {
    profile: Profile<G>,
}

type Open<G, M> = Box<dyn Fn(DeviceFlash<G>) -> Told<M> + Send + Sync>;
type Apply<M, O> = Box<dyn Fn(&mut M, &O) -> Told<()> + Send + Sync>;
type Read<M, V> = Box<dyn Fn(&mut M) -> Told<V> + Send + Sync>;

/// A chip, and the code that runs on it.
pub struct Stored<G, M> {
    profile: Profile<G>,
    open: Open<G, M>,
}

/// The same, and what it is asked for.
pub struct Operated<G, M, O> {
    stored: Stored<G, M>,
    operations: Vec<O>,
    draw: Option<Box<dyn Draw<O>>>,
}

/// The same, and how it is asked.
pub struct Applied<G, M, O> {
    operated: Operated<G, M, O>,
    apply: Apply<M, O>,
}

/// The same, and what can be seen of it.
pub struct Seen<G, M, O, V> {
    applied: Applied<G, M, O>,
    read: Read<M, V>,
}

/// Where cases are kept.
pub(super) enum Keep {
    InPackage,
    In(PathBuf),
    Nowhere,
}

/// A test that lacks nothing: [`check`](Self::check) makes it.
pub struct Test<G, M, O, V> {
    pub(super) profile: Profile<G>,
    pub(super) code: Arc<Code<G, M, O, V>>,
    pub(super) operations: Vec<O>,
    /// Who draws them, if they are drawn.
    pub(super) draw: Option<Box<dyn Draw<O>>>,
    pub(super) draws: Option<u64>,
    /// What the model starts with.
    pub(super) first: V,
    pub(super) starts: Vec<StartKind<G, V>>,
    pub(super) all_up_to: Option<usize>,
    pub(super) name: Option<String>,
    pub(super) level: Level,
    pub(super) cuts: Option<u32>,
    pub(super) boots: Option<u64>,
    pub(super) seconds: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) tolerated: Vec<Property>,
    pub(super) keep: Keep,
    pub(super) alone: bool,
}

impl<G: Geometry> PowerCuts<G> {
    /// A test on this chip. A small one is tried more thoroughly: `with_size(2 * 4096)`, or
    /// [`Profile::sectors_of_256`].
    pub const fn on(profile: Profile<G>) -> Self {
        Self { profile }
    }

    /// The code under test: how it comes up on its flash at each power-on. What it returns is its RAM, and lives as long as
    /// the power lasts.
    ///
    /// Nothing else may outlive the power: for statics see [`Test::reset`].
    pub fn store<M, E: Debug>(
        self,
        open: impl Fn(DeviceFlash<G>) -> Result<M, E> + Send + Sync + 'static,
    ) -> Stored<G, M> {
        Stored {
            profile: self.profile,
            open: Box::new(move |flash| open(flash).map_err(|error| format!("{error:?}"))),
        }
    }
}

impl<G: Geometry, M> Stored<G, M> {
    /// What it is asked for, in this order; 64 operations at most.
    pub fn operations<O: Clone + Debug + Send + Sync>(
        self,
        operations: impl IntoIterator<Item = O>,
    ) -> Operated<G, M, O> {
        Operated {
            stored: self,
            operations: operations.into_iter().collect(),
            draw: None,
        }
    }

    /// Sequences of operations as a proptest strategy draws them: `vec(any::<Op>(), 1..6)`. What fails is made simpler, in
    /// length and in values.
    ///
    /// The same sequences are drawn each time; [`Test::draws`] says how many.
    #[cfg(feature = "proptest")]
    pub fn operations_from<O, S>(self, strategy: S) -> Operated<G, M, O>
    where
        O: Clone + Debug + Send + Sync + 'static,
        S: proptest::strategy::Strategy<Value = Vec<O>> + Send + Sync + 'static,
    {
        Operated {
            stored: self,
            operations: Vec::new(),
            draw: Some(Box::new(strategy)),
        }
    }
}

impl<G: Geometry, M, O> Operated<G, M, O> {
    /// How an operation is asked for. Ok acknowledges it: from then on it is there, whatever happens.
    pub fn apply<T, E: Debug>(
        self,
        apply: impl Fn(&mut M, &O) -> Result<T, E> + Send + Sync + 'static,
    ) -> Applied<G, M, O> {
        Applied {
            operated: self,
            apply: Box::new(move |mounted, operation| {
                let applied = apply(mounted, operation);
                applied.map(drop).map_err(|error| format!("{error:?}"))
            }),
        }
    }
}

impl<G: Geometry, M, O> Applied<G, M, O> {
    /// All that can be seen of it: put everything that the device can know into the value, a loss of what is not in it is
    /// never noticed.
    pub fn read<V, E: Debug>(
        self,
        read: impl Fn(&mut M) -> Result<V, E> + Send + Sync + 'static,
    ) -> Seen<G, M, O, V> {
        Seen {
            applied: self,
            read: Box::new(move |mounted| read(mounted).map_err(|error| format!("{error:?}"))),
        }
    }
}

impl<G: Geometry, M, O, V> Seen<G, M, O, V> {
    /// What is to be seen: `first` on a blank flash, and then what `step` makes of it, operation by operation.
    pub fn model(
        self,
        first: V,
        step: impl Fn(&mut V, &O) + Send + Sync + 'static,
    ) -> Test<G, M, O, V> {
        let Applied { operated, apply } = self.applied;
        let Operated {
            stored,
            operations,
            draw,
        } = operated;
        Test {
            profile: stored.profile,
            code: Arc::new(Code {
                reset: Box::new(|| {}),
                open: stored.open,
                apply,
                read: self.read,
                step: Box::new(step),
            }),
            operations,
            draw,
            draws: None,
            first,
            starts: vec![StartKind::Blank, StartKind::Aged(None), StartKind::Another],
            all_up_to: None,
            name: None,
            level: Level::L2,
            cuts: None,
            boots: None,
            seconds: None,
            memory: None,
            tolerated: Vec::new(),
            keep: Keep::InPackage,
            alone: false,
        }
    }
}

impl<G, M, O, V> Test<G, M, O, V> {
    /// How badly a cut may behave at worst; [`Level::L2`] unless told otherwise. The milder levels are tried first.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// How many cuts there may be in a row, at every level.
    #[must_use]
    pub fn cuts(mut self, cuts: u32) -> Self {
        self.cuts = Some(cuts);
        self
    }

    /// Tries all sequences of one to `length` of the operations, in the place of the one sequence that they are.
    #[must_use]
    pub fn all_sequences(mut self, length: usize) -> Self {
        self.all_up_to = Some(length);
        self
    }

    /// How many sequences are drawn, of those that a strategy gives; 12 unless told otherwise.
    #[must_use]
    pub fn draws(mut self, draws: u64) -> Self {
        self.draws = Some(draws);
        self
    }

    /// The name under which it keeps and tells cases. Unless told otherwise that of the test, which the test harness gives
    /// to its thread.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Not from the usual starts: blank, aged, and full of another's data. Those that are named count alone.
    #[must_use]
    pub fn without_usual_starts(mut self) -> Self {
        self.starts.retain(|start| !start.is_usual());
        self
    }

    /// Also from a blank flash on which so many operations were done.
    #[must_use]
    pub fn aged(mut self, operations: usize) -> Self {
        self.starts.push(StartKind::Aged(Some(operations)));
        self
    }

    /// Also from these contents, such as what another version left; `shows` is what is to be seen of them.
    #[must_use]
    pub fn image(mut self, name: &str, contents: impl Into<Vec<u8>>, shows: V) -> Self {
        self.starts.push(StartKind::Image {
            name: name.to_owned(),
            contents: contents.into(),
            shows,
        });
        self
    }

    /// Also from what `prepare` leaves on a blank flash; what is seen of it then is what it is to show.
    #[must_use]
    pub fn prepared(
        mut self,
        name: &str,
        prepare: impl Fn(DeviceFlash<G>) + Send + Sync + 'static,
    ) -> Self {
        self.starts.push(StartKind::Prepared {
            name: name.to_owned(),
            prepare: Box::new(prepare),
        });
        self
    }

    /// Called before each power-on, to set statics of the code under test to what a reset makes of them.
    ///
    /// Tests with statics run one after the other, and on one thread.
    #[must_use]
    pub fn reset(mut self, reset: impl Fn() + Send + Sync + 'static) -> Self {
        if let Some(code) = Arc::get_mut(&mut self.code) {
            code.reset = Box::new(reset);
        }
        self.alone = true;
        self
    }

    /// Does not mind that `property` is violated.
    #[must_use]
    pub fn tolerate(mut self, property: Property) -> Self {
        self.tolerated.push(property);
        self
    }

    /// Power-ons that are executed, at most, for each level.
    #[must_use]
    pub fn boots(mut self, boots: u64) -> Self {
        self.boots = Some(boots);
        self
    }

    /// Seconds, at most.
    #[must_use]
    pub fn seconds(mut self, seconds: u64) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Bytes that it may hold, at most; 1 GiB unless told otherwise.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Keeps no case, and replays none.
    #[must_use]
    pub fn not_kept(mut self) -> Self {
        self.keep = Keep::Nowhere;
        self
    }

    /// Keeps cases in this folder. Unless told otherwise that is `power-cuts` in the package that is tested, beside its
    /// `Cargo.toml`.
    #[must_use]
    pub fn kept_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.keep = Keep::In(folder.into());
        self
    }
}

impl<G, M, O, V> fmt::Debug for Test<G, M, O, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test").finish_non_exhaustive()
    }
}
