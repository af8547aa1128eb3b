//! What the attribution knows as named parts of bytes, and back.
//! It is given a part's name, or all parts of one moment.
//! It promises that a worker which takes them goes on as the one that gave them would have.

use super::super::Judging;
use super::super::state::{self, Part};
use super::Attribution;
use crate::identity::{Lineage, Routes};
use heelguard_detectors::saved::{Damaged, Saved};

impl Attribution {
    /// The names of the parts of its state.
    pub(in crate::scale) fn parts(&self) -> Vec<String> {
        let own = ["place", "order", "twins", "legs", "lineage", "routes"].map(str::to_owned);
        own.into_iter().chain(state::rules(&self.detectors)).collect()
    }

    /// One of them.
    pub(in crate::scale) fn save(&self, part: &str) -> Part {
        let mut out = Vec::new();
        match part {
            "place" => {
                (self.number, self.watermark, self.seconds.clone()).save(&mut out);
                (self.quota.second, self.quota.used).save(&mut out);
            }
            "order" => self.order.save(&mut out),
            "twins" => self.twins.save(&mut out),
            "legs" => self.legs.save(&mut out),
            "lineage" => out = self.lineage.save(),
            "routes" => out = self.routes.save(),
            rule => state::save_rule(&self.detectors, rule, &mut out),
        }
        out
    }

    /// Takes all parts back. After an error this is of no use.
    pub(in crate::scale) fn load(
        &mut self,
        parts: &[(String, Part)],
        judging: &Judging,
    ) -> Result<(), Damaged> {
        for (name, bytes) in parts {
            let rest = &mut bytes.as_slice();
            match name.as_str() {
                "place" => {
                    (self.number, self.watermark, self.seconds) = Saved::load(rest)?;
                    (self.quota.second, self.quota.used) = Saved::load(rest)?;
                }
                "order" => self.order.load(rest)?,
                "twins" => self.twins.load(rest)?,
                "legs" => self.legs.load(rest)?,
                "lineage" => {
                    self.lineage = Lineage::restore(&judging.lineage, rest).map_err(|_| Damaged)?;
                }
                "routes" => {
                    self.routes = Routes::restore(rest, judging.routes.clone()).map_err(|_| Damaged)?;
                    *rest = &[];
                }
                rule => {
                    state::load_rule(&mut self.detectors, rule, rest)?;
                    *rest = &[];
                }
            }
            if !rest.is_empty() {
                return Err(Damaged);
            }
        }
        // They came to the one before, and are here now.
        self.scale.sightings_in += self.waiting() as u64;
        Ok(())
    }
}
