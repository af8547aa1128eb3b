//! The Huffman code of HPACK strings (RFC 7541 section 5.2 and appendix B).
//! It is given a coded string and appends the plain one; the code is canonical, so that lengths alone define it.
//! It promises to refuse what a strict peer refuses: EOS inside, and padding that is long or not all ones.

/// Bits of each symbol's code; the last one is EOS.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

const EOS: u16 = 256;
const LENGTH_MAX: usize = 30;
/// Bits of the shortest code.
const SHORTEST: usize = 5;
/// Codes of up to this many bits are looked up at once: all of letters, digits and what stands in most values.
const QUICK_BITS: usize = 8;

/// The code, made from the lengths.
struct Code {
    /// By the next bits: a symbol and the length of its code; length 0 for longer ones.
    quick: [(u8, u8); 1 << QUICK_BITS],
    /// Symbols in the order of their codes.
    symbols: [u16; 257],
    /// For each length: its first code, and where its symbols begin and how many there are.
    spans: [(u32, u16, u16); LENGTH_MAX + 1],
}

static CODE: Code = build();

/// Appends the plain text of `coded`; `None` when it is no such text.
pub(super) fn decode(coded: &[u8], plain: &mut Vec<u8>) -> Option<()> {
    let start = plain.len();
    plain.resize(start + coded.len() * 8 / SHORTEST, 0);
    let room = plain.get_mut(start..)?;
    let left = fill(coded, room)?;
    plain.truncate(plain.len() - left);
    Some(())
}

/// Writes the plain text into `room`, which is long enough for any; how much of it is left.
fn fill(coded: &[u8], room: &mut [u8]) -> Option<usize> {
    let mut room = room.iter_mut();
    let mut rest = coded;
    // The next bits, from the top, and how many of them there are; zeros behind them.
    let (mut window, mut known) = (0_u64, 0_u32);
    while let Some((four, after)) = rest.split_first_chunk::<4>() {
        rest = after;
        window |= u64::from(u32::from_be_bytes(*four)) << (32 - known);
        known += 32;
        while known >= LENGTH_MAX as u32 {
            let (symbol, length) = next(window)?;
            *room.next()? = u8::try_from(symbol).ok()?;
            window <<= length;
            known -= length;
        }
    }
    for &byte in rest {
        window |= u64::from(byte) << (56 - known);
        known += 8;
    }
    loop {
        let (symbol, length) = next(window)?;
        if length > known {
            break;
        }
        *room.next()? = u8::try_from(symbol).ok()?;
        window <<= length;
        known -= length;
    }
    let ones = u64::MAX.checked_shl(64 - known).unwrap_or(0);
    (known < 8 && window == ones).then_some(room.len())
}

/// The symbol whose code the window begins with.
#[inline]
fn next(window: u64) -> Option<(u16, u32)> {
    let &(symbol, length) = CODE.quick.get((window >> (64 - QUICK_BITS)) as usize)?;
    if length > 0 { Some((u16::from(symbol), u32::from(length))) } else { long(window) }
}

/// The symbol of a code that is longer than what is looked up at once.
#[cold]
fn long(window: u64) -> Option<(u16, u32)> {
    (QUICK_BITS + 1..=LENGTH_MAX).find_map(|length| {
        let &(first, start, count) = CODE.spans.get(length)?;
        let at = ((window >> (64 - length)) as u32).checked_sub(first)?;
        let symbol = CODE.symbols.get(usize::from(start) + at as usize).filter(|_| at < u32::from(count))?;
        Some((*symbol, length as u32))
    })
}

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled: a wrong index is an error there")]
const fn build() -> Code {
    let mut code = Code { quick: [(0, 0); 1 << QUICK_BITS], symbols: [0; 257], spans: [(0, 0, 0); 31] };
    let (mut value, mut placed, mut length) = (0_u32, 0_u16, 1);
    while length <= LENGTH_MAX {
        value <<= 1;
        let start = placed;
        let mut symbol = 0;
        while symbol <= EOS {
            if LENGTHS[symbol as usize] as usize == length {
                code.symbols[placed as usize] = symbol;
                if length <= QUICK_BITS {
                    let spare = QUICK_BITS - length;
                    let mut at = 0;
                    while at < 1 << spare {
                        code.quick[((value + (placed - start) as u32) as usize) << spare | at] =
                            (symbol as u8, length as u8);
                        at += 1;
                    }
                }
                placed += 1;
            }
            symbol += 1;
        }
        code.spans[length] = (value, start, placed - start);
        value += (placed - start) as u32;
        length += 1;
    }
    code
}
