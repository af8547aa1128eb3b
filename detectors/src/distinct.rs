//! How many different things there were, in bounded memory.
//! Exact up to 512 things; beyond that a HyperLogLog of 1024 registers takes over.
//! It promises the same answer for the same things in any order, and a standard error of 3.3 % beyond 512.

use crate::saved::{Damaged, Saved};
use crate::shown::Shown;

/// Things counted exactly.
const EXACT_MAX: usize = 512;
/// Bits of the hash that choose a register: 2^10 registers, error 1.04 / sqrt(1024).
const REGISTER_BITS: u32 = 10;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// Counts different things; each is given as an evenly spread 64-bit hash.
#[derive(Clone, Debug)]
pub enum Distinct {
    /// Few enough to be remembered, in order.
    Exact(Vec<u64>),
    /// The longest run of zeros seen by each register (Flajolet et al. 2007).
    Sketch(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Saved for Distinct {
    fn save(&self, out: &mut Vec<u8>) {
        match self {
            Self::Exact(seen) => {
                out.push(0);
                seen.save(out);
            }
            Self::Sketch(registers) => {
                out.push(1);
                registers.save(out);
            }
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        match u8::load(from)? {
            0 => {
                let seen: Vec<u64> = Saved::load(from)?;
                if seen.len() > EXACT_MAX || !seen.is_sorted_by(|a, b| a < b) {
                    Err(Damaged)
                } else {
                    Ok(Self::Exact(seen))
                }
            }
            1 => {
                let registers: Box<[u8; REGISTERS]> = Saved::load(from)?;
                Ok(Self::Sketch(registers))
            }
            _ => Err(Damaged),
        }
    }

    fn shown(&self) -> Shown {
        match self.count() {
            0 => Shown::Nothing,
            count => Shown::parts([("different", count.shown())]),
        }
    }
}

impl Distinct {
    /// Sees one thing.
    pub fn insert(&mut self, hash: u64) {
        match self {
            Self::Exact(seen) => {
                if let Err(place) = seen.binary_search(&hash) {
                    seen.insert(place, hash);
                }
                if seen.len() > EXACT_MAX {
                    let mut registers = Box::new([0; REGISTERS]);
                    for &hash in seen.iter() {
                        note(&mut registers, hash);
                    }
                    *self = Self::Sketch(registers);
                }
            }
            Self::Sketch(registers) => note(registers, hash),
        }
    }

    /// How many different things were seen.
    pub fn count(&self) -> u64 {
        match self {
            Self::Exact(seen) => seen.len() as u64,
            Self::Sketch(registers) => estimate(registers),
        }
    }
}

fn note(registers: &mut [u8; REGISTERS], hash: u64) {
    let register = (hash >> (64 - REGISTER_BITS)) as usize;
    let rest = (hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1));
    let rank = rest.leading_zeros() as u8 + 1;
    if let Some(longest) = registers.get_mut(register) {
        *longest = rank.max(*longest);
    }
}

#[expect(clippy::cast_sign_loss, reason = "an estimate is never negative")]
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let harmonic: f64 = registers.iter().map(|&rank| (-f64::from(rank)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / harmonic;
    let empty = registers.iter().map(|&rank| usize::from(rank == 0)).sum::<usize>();
    // Small counts fill few registers; counting the empty ones is the better estimate there.
    let best = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    best.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::StableHasher;

    fn count(n: u64) -> u64 {
        let mut distinct = Distinct::default();
        for thing in (0..n).chain(0..n / 2) {
            distinct.insert(StableHasher::of_parts(&[&thing.to_le_bytes()]) as u64);
        }
        distinct.count()
    }

    #[test]
    fn exact_while_few() {
        for n in [0, 1, 63, 64, 65, 511, 512] {
            assert_eq!(count(n), n);
        }
    }

    #[test]
    fn close_when_many() {
        for n in [513, 1_000, 5_000, 50_000, 500_000] {
            let error = (count(n) as f64 - n as f64).abs() / n as f64;
            assert!(error < 0.1, "{n}: {} is off by {:.1} %", count(n), error * 100.0);
        }
    }
}
