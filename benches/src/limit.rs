//! The limits: the least that a simulated flash has to do, in plain loops over a `Vec`.

/// Erases by filling; programs by AND, checking for 0 to 1 without branches, in one pass.
#[derive(Clone, Debug)]
pub struct PlainLoop {
    cells: Vec<u8>,
}

impl PlainLoop {
    /// An erased array.
    pub fn erased(len: usize) -> Self {
        PlainLoop {
            cells: vec![0xFF; len],
        }
    }

    /// Sets all bits.
    pub fn erase(&mut self) {
        self.cells.fill(0xFF);
    }

    /// Clears bits; whether none would have had to be set.
    #[must_use]
    pub fn program(&mut self, at: usize, data: &[u8]) -> bool {
        let mut raised = 0;
        for (cell, byte) in self.cells[at..at + data.len()].iter_mut().zip(data) {
            raised |= byte & !*cell;
            *cell &= byte;
        }
        raised == 0
    }
}

/// What mocks of flash usually look like: byte by byte, with a branch.
#[derive(Clone, Debug)]
pub struct ByteMock {
    cells: Vec<u8>,
}

impl ByteMock {
    /// An erased array.
    pub fn erased(len: usize) -> Self {
        ByteMock {
            cells: vec![0xFF; len],
        }
    }

    /// Sets all bits.
    pub fn erase(&mut self) {
        for cell in &mut self.cells {
            *cell = 0xFF;
        }
    }

    /// Clears bits; stops at the first that would have to be set.
    #[must_use]
    pub fn program(&mut self, at: usize, data: &[u8]) -> bool {
        for (i, byte) in data.iter().enumerate() {
            if byte & !self.cells[at + i] != 0 {
                return false;
            }
            self.cells[at + i] &= byte;
        }
        true
    }
}
