//! What may be learned of a record later.
//!
//! A cut erase that is not over with its pre-programming zeroes the first bytes and leaves the rest, or
//! the last ones, and a cut of the next erase may zero some at the other end. So the *future* of a record
//! is what is learned of it now, and the set of futures that it has with any number of bytes zeroed at
//! either end. Of two records with equal futures each may become whatever the other may, if not with as
//! many bytes: with a tear of the same erase that leaves everything beside the record as the other tear
//! does. All byte positions are met, so one of the two records is enough. Everything else that a cut erase
//! leaves of the record is zeros and ones that do not depend on what was there, or what was there with some bits risen.
//! So of a content that does not tell all of itself the future also has what is learned of it where bits of it have risen:
//! the parts of its rows, any number of bytes at either end, each bit, all but each. What comes of *that* by another cut
//! erase is no part of it: a content that was refused, and of which risen bits have made another one that is refused,
//! stands for all such. A cut program depends on what was there, if no erase came before it; then the bytes are demanded.
//!
//! Of an operation that writes a whole record to erased cells the record's future counts, and those of
//! what a cut leaves of it, not its bytes: so code may copy what it does not look at.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

use super::Record;

impl Record {
    /// A hash of the [future](self) of `bytes`.
    pub(in super::super) fn future_of(&self, bytes: &[u8]) -> u128 {
        let learned = self.learn(bytes);
        if (self.tells_all)(learned) {
            return Future::told(learned).hash;
        }
        let zeroed = self.zeroed_future_of(bytes, learned);
        let risen = self.risen_of(bytes, learned);
        if risen.is_empty() {
            return zeroed;
        }
        let mut hasher = Xxh3::new();
        hasher.update(&zeroed.to_le_bytes());
        for learned in risen {
            hasher.update(&learned.to_le_bytes());
        }
        hasher.digest128()
    }

    /// What else is learned of `bytes`, of which `learned` is, where some of their bits have risen: besides that, and what
    /// is learned where all have.
    fn risen_of(&self, bytes: &[u8], learned: u128) -> BTreeSet<u128> {
        let mut found = BTreeSet::new();
        if self.stays_refused || self.through.is_some() {
            return found;
        }
        let used = |at: &usize| !self.ignored.contains(at);
        let places: Vec<usize> = (0..bytes.len()).filter(used).collect();
        let blank = self.learn(&vec![0xFF; bytes.len()]);
        let mut note = |risen: &[u8]| {
            let now = self.learn(risen);
            if now != learned && now != blank {
                found.insert(now);
            }
        };
        let mut risen = bytes.to_vec();
        for at in 0..places.len() {
            // Up to here, and from here on.
            for part in [&places[..=at], &places[at..]] {
                for at in part {
                    risen[*at] = 0xFF;
                }
                note(&risen);
                risen.copy_from_slice(bytes);
            }
        }
        for width in [8, 16, 32] {
            for row in (0..bytes.len()).step_by(width) {
                let end = bytes.len().min(row + width);
                risen[row..end].fill(0xFF);
                note(&risen);
                risen.fill(0xFF);
                risen[row..end].copy_from_slice(&bytes[row..end]);
                note(&risen);
                risen.copy_from_slice(bytes);
            }
        }
        for at in places {
            for bit in (0..8)
                .map(|bit| 1 << bit)
                .filter(|bit| bytes[at] & bit == 0)
            {
                risen[at] |= bit;
                note(&risen);
                risen.fill(0xFF);
                risen[at] &= !bit;
                note(&risen);
                risen.copy_from_slice(bytes);
            }
        }
        found
    }

    /// The same for zeros at either end.
    fn zeroed_future_of(&self, bytes: &[u8], learned: u128) -> u128 {
        if (self.tells_all)(learned) {
            return Future::told(learned).hash;
        }
        let used = |at: &usize| !self.ignored.contains(at);
        let places: Vec<usize> = (0..bytes.len()).filter(used).collect();
        let count = places.len();
        let mut futures = Futures::default();
        // With so many bytes zeroed at the front and at the end.
        let mut known: Vec<Vec<FutureId>> = vec![Vec::new(); count + 1];
        // What zeroing more at the front leads to, by how many are zeroed at the end.
        let mut by_front: Vec<Vec<FutureId>> = vec![Vec::new(); count + 1];
        let (mut by_end, mut next) = (Vec::new(), Vec::new());
        let mut zeroed = bytes.to_vec();
        for front in (0..=count).rev() {
            // The last one first: what an erase leads to is known before.
            let mut of_front = vec![FutureId::default(); count - front + 1];
            by_end.clear();
            for end in (0..=count - front).rev() {
                let is_zero = |at: Option<&usize>| at.is_some_and(|at| bytes[*at] == 0);
                let between = &places[front..count - end];
                // A byte that is zero already is no other content.
                let this = if is_zero(between.first()) {
                    known[front + 1][end]
                } else if is_zero(between.last()) {
                    of_front[end + 1]
                } else {
                    zeroed.copy_from_slice(bytes);
                    places[..front].iter().for_each(|at| zeroed[*at] = 0);
                    places[count - end..].iter().for_each(|at| zeroed[*at] = 0);
                    let learned = self.learn(&zeroed);
                    if (self.tells_all)(learned) {
                        futures.add(Future::told(learned))
                    } else {
                        next.clone_from(&by_front[end]);
                        for id in &by_end {
                            insert(&mut next, *id);
                        }
                        futures.of(learned, &next)
                    }
                };
                of_front[end] = this;
                insert(&mut by_front[end], this);
                insert(&mut by_end, this);
            }
            known[front] = of_front;
        }
        futures.hash(known[0][0])
    }

    /// A hash of what writing `bytes` to erased cells leads to: their future, and the set of the futures
    /// of what a cut leaves of them, byte by byte from either end and row by row; of these but for bits that rise.
    pub(in super::super) fn written_future_of(&self, bytes: &[u8]) -> u128 {
        /// A record's `learned` and what it ignores, what encrypts it, and the bytes.
        type Written = (usize, Range<usize>, Option<u128>, u128);
        thread_local! {
            /// The same few are written over and over.
            static KNOWN: RefCell<HashMap<Written, u128>> = RefCell::default();
        }
        let mut bytes = bytes.to_vec();
        bytes[self.ignored.clone()].fill(0xFF);
        let key = (
            self.learned as usize,
            self.ignored.clone(),
            self.through.as_ref().map(|through| through.zeros),
            xxh3_128(&bytes),
        );
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
            return known;
        }
        let whole = self.future_of(&bytes);
        // A cut at the very end leaves all of them.
        let mut torn = BTreeSet::from([whole]);
        let mut leave = |undone: Range<usize>, rest: Range<usize>| {
            let mut left = bytes.clone();
            left[undone].fill(0xFF);
            left[rest].fill(0xFF);
            torn.insert(self.zeroed_future_of(&left, self.learn(&left)));
        };
        let len = bytes.len();
        for at in (0..len).filter(|at| !self.ignored.contains(at)) {
            leave(at..len, 0..0);
            leave(0..at + 1, 0..0);
        }
        for width in [8, 16, 32] {
            for row in (0..len).step_by(width) {
                let end = len.min(row + width);
                leave(row..end, 0..0);
                leave(0..row, end..len);
            }
        }
        let mut hasher = Xxh3::new();
        hasher.update(&whole.to_le_bytes());
        for future in torn {
            hasher.update(&future.to_le_bytes());
        }
        let future = hasher.digest128();
        KNOWN.with_borrow_mut(|known| known.insert(key, future));
        future
    }
}

/// What is learned of a content, and what it may become.
struct Future {
    learned: u128,
    /// The futures that a cut erase may leave, each once, in ascending order of their hashes.
    next: Vec<u128>,
    hash: u128,
}

impl Future {
    /// Of a content all of whose bytes are learned: what it may become follows from them.
    fn told(learned: u128) -> Self {
        Self {
            learned,
            next: Vec::new(),
            hash: xxh3_128_with_seed(&learned.to_le_bytes(), 1),
        }
    }
}

/// One of [`Futures`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct FutureId(usize);

/// Adds one to a set; of a content there are hardly ever more than a few.
fn insert(set: &mut Vec<FutureId>, id: FutureId) {
    if !set.contains(&id) {
        set.push(id);
    }
}

/// The futures of one content and of all that a cut erase may leave of it.
#[derive(Default)]
struct Futures {
    all: Vec<Future>,
    /// A buffer for hashes.
    led_to: Vec<u128>,
}

impl Futures {
    fn hash(&self, id: FutureId) -> u128 {
        self.all[id.0].hash
    }

    fn add(&mut self, future: Future) -> FutureId {
        self.all.push(future);
        FutureId(self.all.len() - 1)
    }

    /// The future of a content of which so much is learned, and which may become what has these futures.
    fn of(&mut self, learned: u128, next: &[FutureId]) -> FutureId {
        // Of what is refused, zeros hardly ever make anything else.
        if let [only] = *next
            && self.all[only.0].learned == learned
        {
            return only;
        }
        let mut led_to = std::mem::take(&mut self.led_to);
        led_to.clear();
        led_to.extend(next.iter().map(|id| self.hash(*id)));
        led_to.sort_unstable();
        led_to.dedup();
        // It may become one like itself, by which nothing is lost that it may become.
        let is_like = |id: &&FutureId| {
            let other = &self.all[id.0];
            let leads_there = |hash: &u128| *hash == other.hash || other.next.contains(hash);
            other.learned == learned && led_to.iter().all(leads_there)
        };
        if let Some(same) = next.iter().find(is_like) {
            self.led_to = led_to;
            return *same;
        }
        let mut hasher = Xxh3::new();
        hasher.update(&learned.to_le_bytes());
        for hash in &led_to {
            hasher.update(&hash.to_le_bytes());
        }
        let next = led_to.clone();
        self.led_to = led_to;
        self.add(Future {
            learned,
            hash: hasher.digest128(),
            next,
        })
    }
}

/// A hash of what is and may later be learned of a record, `learned` being a hash of what is learned of
/// bytes; those in `ignored` tell nothing.
pub(super) fn of_readings(
    record: usize,
    ignored: &Range<usize>,
    bytes: &[u8],
    weak: &[u8],
    learned: impl Fn(&[u8], &[u8]) -> u128,
) -> u128 {
    let mut hasher = Xxh3::new();
    // Keyed by the record: equal futures of two records are two things.
    hasher.update(&record.to_le_bytes());
    // Rows and their parts that have risen, and all but those: solid then.
    for width in [8, 16, 32] {
        for row in (0..bytes.len()).step_by(width) {
            let part = row..bytes.len().min(row + width);
            for inside in [true, false] {
                let rises = |at: &usize| part.contains(at) == inside;
                let (mut other, mut solid) = (bytes.to_vec(), weak.to_vec());
                for at in (0..bytes.len()).filter(rises) {
                    (other[at], solid[at]) = (0xFF, 0);
                }
                hasher.update(&learned(&other, &solid).to_le_bytes());
            }
        }
    }
    let learned = |bytes: &[u8]| {
        // Bytes that were zeroed are solid.
        let weak: Vec<u8> = { weak.iter().zip(bytes) }
            .map(|(weak, byte)| if *byte == 0 { 0 } else { *weak })
            .collect();
        learned(bytes, &weak)
    };
    let places: Vec<usize> = { 0..bytes.len() }
        .filter(|at| !ignored.contains(at))
        .collect();
    let mut from_front = bytes.to_vec();
    // What is learned with so many bytes zeroed at the end.
    let mut by_end: Vec<u128> = Vec::new();
    for front in 0..=places.len() {
        // A byte that is zero already is no other content.
        let is_other = front == 0 || from_front[places[front - 1]] != 0;
        if is_other {
            if front > 0 {
                from_front[places[front - 1]] = 0;
            }
            let mut zeroed = from_front.clone();
            let mut last = learned(&zeroed);
            by_end.clear();
            by_end.push(last);
            for place in places[front..].iter().rev() {
                if zeroed[*place] != 0 {
                    zeroed[*place] = 0;
                    last = learned(&zeroed);
                }
                by_end.push(last);
            }
        }
        for learned in &by_end[..=places.len() - front] {
            hasher.update(&learned.to_le_bytes());
        }
    }
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blank one is nothing, one that begins with a 0 is refused, and any other is what it is.
    fn mark(bytes: &[u8]) -> u128 {
        match *bytes {
            [0xFF, 0xFF, 0xFF] => 0,
            [0, ..] => 1,
            [first, second, third] => u128::from(u32::from_le_bytes([first, second, third, 1])),
            _ => u128::MAX,
        }
    }

    #[test]
    fn that_a_content_tells_all_of_itself_merges_no_others() {
        let plain = Record::new(0..3, mark);
        let telling = plain.clone().telling_all(|learned| learned > 1);
        let some = [0x00, 0x01, 0x7F, 0xFF];
        let first = some.iter().flat_map(|a| some.map(|b| [*a, b]));
        let all: Vec<[u8; 3]> = first.flat_map(|[a, b]| some.map(|c| [a, b, c])).collect();
        for one in &all {
            for other in &all {
                let alike = |record: &Record| record.future_of(one) == record.future_of(other);
                assert_eq!(alike(&plain), alike(&telling), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn readings_have_one_future_where_all_that_zeros_make_of_them_is_alike() {
        let learned = |bytes: &[u8], _: &[u8]| mark(bytes);
        // As it is defined: with so many bytes zeroed at the front, and so many at the end.
        let one_by_one = |bytes: [u8; 3]| -> Vec<u128> {
            let ways = (0..=3).flat_map(|front| (0..=3 - front).map(move |end| (front, end)));
            let zeroed = |(front, end)| {
                let mut zeroed = bytes;
                zeroed[..front].fill(0);
                zeroed[3 - end..].fill(0);
                mark(&zeroed)
            };
            ways.map(zeroed).collect()
        };
        let some = [0x00, 0x01, 0xFF];
        let first = some.iter().flat_map(|a| some.map(|b| [*a, b]));
        let all: Vec<[u8; 3]> = first.flat_map(|[a, b]| some.map(|c| [a, b, c])).collect();
        for one in &all {
            for other in &all {
                let [a, b] =
                    [one, other].map(|bytes| of_readings(0, &(0..0), bytes, &[0; 3], learned));
                let alike = one_by_one(*one) == one_by_one(*other);
                assert_eq!(a == b, alike, "{one:?} {other:?}");
            }
        }
    }
}
