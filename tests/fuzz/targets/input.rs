//! Bytes read as what a target needs: single bytes, pieces with their length before them, and turns of a conversation.
//! An input that ends early gives zeros and empty pieces, so every input means something.

use arbitrary::Unstructured;

/// What a target takes its choices and its bytes from.
pub struct Input<'a>(Unstructured<'a>);

/// Something that happens in a conversation: what, and with which bytes.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    pub kind: u8,
    pub bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn number(&mut self) -> u32 {
        self.0.arbitrary().unwrap_or_default()
    }

    pub fn short(&mut self) -> u16 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// One of some choices.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// As many bytes as the two before them say, or as there are.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.short()).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.0.bytes(self.0.len()).unwrap_or_default()
    }

    /// All that is left, as turns.
    pub fn turns(&mut self) -> Vec<Turn<'a>> {
        let mut turns = Vec::new();
        while !self.is_empty() {
            turns.push(Turn { kind: self.byte(), bytes: self.piece() });
        }
        turns
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A piece as `Input::piece` reads it.
pub fn piece(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u16::try_from(bytes.len()).expect("a seed is short");
    [&length.to_le_bytes(), bytes].concat()
}

/// A turn as `Input::turns` reads it.
pub fn turn(kind: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [vec![kind], piece(bytes)].concat()
}

/// Lengths of pieces that bytes are cut into; a seed of 0 cuts between all bytes.
pub fn cuts(seed: u8) -> impl FnMut() -> usize {
    let mut state = u64::from(seed);
    move || {
        if seed == 0 {
            return 1;
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let shift = state >> 60;
        1 + ((state >> 33) & ((1 << (shift / 2)) - 1)) as usize
    }
}

/// Bytes in such pieces.
pub fn in_pieces(mut bytes: &[u8], mut cut: impl FnMut() -> usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (piece, rest) = bytes.split_at(cut().min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
