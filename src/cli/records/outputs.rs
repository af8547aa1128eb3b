//! Where records are wanted: what the command line says of it, as destinations that do not get in each other's way.
//! It is given paths and opens them, as late as it can.
//! It promises that no output overwrites an input or another output.

use super::{Records, Tally};
use crate::cli::Failure;
use crate::cli::place::{Place, refuse_collisions, refuse_shared};
use crate::cli::progress::Progress;
use crate::cli::systemd::Notifier;
use crate::metrics::LiveRows;
use crate::sinks::config::Sinks;
use crate::sinks::inventory::Inventory;
use crate::sinks::readable::Colours;
use crate::sinks::record::Labels;
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

/// Which records are wanted, and where.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct OutputArgs {
    /// Alerts as JSON Lines; `-` is stdout and the default
    #[arg(long, value_name = "PATH")]
    alerts: Option<PathBuf>,

    /// Transactions as JSON Lines
    #[arg(long, value_name = "PATH")]
    transactions: Option<PathBuf>,

    /// Endpoints, credentials, principals and services as JSON Lines, at the end
    #[arg(long, value_name = "PATH")]
    inventory: Option<PathBuf>,

    /// Every counter as one JSON object, at the end
    #[arg(long, value_name = "PATH")]
    stats: Option<PathBuf>,

    /// An OpenAPI description of what was called with success, at the end: YAML, or JSON by the name; into a folder,
    /// one a host
    #[arg(long, value_name = "PATH")]
    learn_openapi: Option<PathBuf>,

    /// What descriptions declare beside what was seen, as a table, at the end
    #[arg(long, value_name = "PATH")]
    openapi_table: Option<PathBuf>,

    /// How alerts are written; the default is text on a terminal and jsonl elsewhere
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Text,
}

/// Destinations that do not get in each other's way.
pub(in crate::cli) struct Plan {
    alerts: Place,
    transactions: Option<Place>,
    inventory: Option<Place>,
    stats: Option<Place>,
    learn_openapi: Option<PathBuf>,
    openapi_table: Option<Place>,
    form: Form,
}

/// How alerts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Jsonl,
    Text(Colours),
}

impl OutputArgs {
    /// The destinations, checked against each other and against the inputs. Nothing is created.
    pub(in crate::cli) fn plan(&self, inputs: &[PathBuf], sinks: &Sinks) -> Result<Plan, Failure> {
        let place = |path: &Option<PathBuf>| path.as_deref().map(Place::of);
        let alerts = place(&self.alerts).unwrap_or(Place::Stdout);
        let to_terminal = alerts == Place::Stdout && io::stdout().is_terminal();
        let form = match self.format {
            Some(Format::Jsonl) => Form::Jsonl,
            None if !to_terminal => Form::Jsonl,
            Some(Format::Text) | None => Form::Text(colours(to_terminal)),
        };
        let plan = Plan {
            alerts,
            transactions: place(&self.transactions),
            inventory: place(&self.inventory),
            stats: place(&self.stats),
            learn_openapi: self.learn_openapi.clone(),
            openapi_table: place(&self.openapi_table),
            form,
        };
        let learned = self.learn_openapi.clone().filter(|path| !path.is_dir()).map(|path| Place::of(&path));
        let optional = [
            ("--transactions", &plan.transactions),
            ("--inventory", &plan.inventory),
            ("--stats", &plan.stats),
            ("--learn-openapi", &learned),
            ("--openapi-table", &plan.openapi_table),
        ];
        let mut outputs = vec![("--alerts", &plan.alerts)];
        outputs.extend(optional.iter().filter_map(|(option, place)| Some((*option, place.as_ref()?))));
        refuse_collisions(&outputs, inputs)?;
        refuse_shared(&outputs, inputs, sinks.files())?;
        Ok(plan)
    }
}

/// Colours on a terminal, unless the user wants none (no-color.org).
fn colours(to_terminal: bool) -> Colours {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if to_terminal && !unwanted { Colours::On } else { Colours::Off }
}

impl Plan {
    /// What is not opened before the end: a file, or a folder for several.
    pub(in crate::cli) fn last(&self) -> Option<PathBuf> {
        self.learn_openapi.clone().filter(|path| path.as_os_str() != "-")
    }

    /// Opens every output: from here on files exist. A run that `goes_on` from kept state adds to the alerts and
    /// transactions that are there; what it knows already is not told again.
    pub(in crate::cli) fn open(&self, labels: Labels, goes_on: bool) -> Result<Records, Failure> {
        let open = |place: &Option<Place>| place.as_ref().map(Place::open).transpose();
        let add = |place: &Place| if goes_on { place.add_to() } else { place.open() };
        Ok(Records {
            labels,
            form: self.form,
            alerts: add(&self.alerts)?,
            transactions: self.transactions.as_ref().map(add).transpose()?,
            // State that is kept knows what there is, whether or not this run is asked for it.
            inventory: (goes_on || self.inventory.is_some()).then(Inventory::default),
            inventory_sink: open(&self.inventory)?,
            stats: open(&self.stats)?,
            survey: Arc::default(),
            openapi_table: open(&self.openapi_table)?,
            learner: self.learn_openapi.clone().map(|path| (Box::default(), path)),
            tally: Tally::default(),
            kept: None,
            explainer: None,
            way_out: None,
            shipping: None,
            is_live: false,
            complaints: Vec::new(),
            live: None,
            rows: LiveRows::default(),
            changes: None,
            notifier: Notifier::default(),
            interfaces: None,
            progress: Progress::new(),
        })
    }
}
