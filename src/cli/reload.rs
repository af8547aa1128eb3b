//! Another configuration while the sensor runs: read anew when somebody asks, checked as a whole, and handed over.
//! It is given the command line's words and what the sensor was started with, and works on a thread of its own.
//! It promises that a configuration that cannot be used changes nothing, and that what takes effect at the next start
//! alone is named.

use super::confine::explained;
use super::run::Wire;
use super::systemd::Notifier;
use super::{ConfigArgs, Failure, described, replay};
use crate::config::{Raw, differing};
use crate::identity::Settings;
use crate::openapi::Survey;
use crate::pipeline::Options;
use crate::sinks::delivery::Tell;
use crate::web::Readings;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;

/// What can change between two transactions; everything else is what the sensor was started with.
const CHANGEABLE: &[&str] = &[
    "detectors.",
    "suppress",
    "identity.",
    "network.",
    "geoip.",
    "openapi.",
    "limits.route_",
    "limits.routes_",
    "limits.keys_per_table_max",
    "limits.keys_max",
    "limits.alerts_per_minute_max",
];

/// Reads the configuration anew.
pub(super) struct Reloader {
    pub(super) config: ConfigArgs,
    /// What the command line says in place of the file.
    pub(super) wire: Wire,
    /// What the sensor was started with: what cannot change is compared with it each time.
    pub(super) started: Raw,
    pub(super) identity: Arc<Settings>,
    pub(super) shards: usize,
    pub(super) tell: Tell,
    pub(super) notifier: Notifier,
    /// What the page shows of descriptions.
    pub(super) survey: Arc<Survey>,
    /// What came of it, for the metrics.
    pub(super) readings: Arc<Readings>,
}

/// Who may ask for a configuration to be read anew; asking twice before it is done is asking once.
#[derive(Clone)]
pub(super) struct Asking(Sender<()>);

impl Asking {
    pub(super) fn ask(&self) {
        let _ = self.0.try_send(());
    }
}

/// Asks, and those who are asked.
pub(super) fn asking() -> (Asking, Receiver<()>) {
    let (sender, receiver) = bounded(1);
    (Asking(sender), receiver)
}

impl Reloader {
    /// Reads anew each time somebody asks, until nobody can ask or take any more.
    pub(super) fn start(mut self, asked: Receiver<()>) -> std::io::Result<Receiver<Box<Options>>> {
        let (sender, changes) = bounded(1);
        let work = move || {
            for () in asked {
                self.notifier.reloading();
                match self.read() {
                    Ok(options) => {
                        self.readings.note(true);
                        if sender.send(Box::new(options)).is_err() {
                            break;
                        }
                    }
                    Err(why) => {
                        self.readings.note(false);
                        let why = explained(&why.to_string());
                        (self.tell)(&format!("the configuration stays as it was: {why}"));
                        self.notifier.ready();
                    }
                }
            }
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(work)?;
        Ok(changes)
    }

    fn read(&mut self) -> Result<Options, Failure> {
        let mut raw = self.config.load()?;
        self.wire.amend(&mut raw);
        for key in differing(&self.started, &raw) {
            if !CHANGEABLE.iter().any(|changeable| key.starts_with(changeable)) {
                (self.tell)(&format!("{key} has changed: it takes effect when this process is started anew"));
            }
        }
        // What was learned under one way of writing names is not told in another.
        raw.privacy.clone_from(&self.started.privacy);
        let reading = described::read(&raw);
        if let Some(why) = reading.unusable.first() {
            return Err(Failure::running(why.clone()));
        }
        reading.warnings.iter().for_each(|warning| (self.tell)(warning));
        let identity = described::with_keys(&raw.identity, reading.book.as_deref());
        let geo = replay::geo(&raw)?;
        let keyring = self.identity.keyring().clone();
        let settings = Settings::build(&raw.network, &identity, &raw.privacy, keyring, geo)
            .and_then(|settings| settings.with_tokens(&raw.identity))
            .map_err(Failure::running)?;
        self.identity = Arc::new(settings);
        let options = raw.options(Arc::clone(&self.identity), self.shards);
        self.survey.describe(reading.book.clone());
        Ok(Options { described: reading.book, ..options })
    }
}
