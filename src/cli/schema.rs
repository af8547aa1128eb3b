//! `heelguard schema`: the published forms.
//! It is given a name and prints the JSON Schema or the tables.
//! It promises that what is printed is what the program writes and reads.

use super::{Failure, print};
use crate::sinks::clickhouse;
use crate::{config, sinks};
use clap::{Args, ValueEnum};

/// Print the schema of a record, of the configuration, or the tables to keep records in.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard schema alert > alert.schema.json\n  heelguard schema clickhouse | clickhouse-client --multiquery"
)]
pub(super) struct Schema {
    /// Which form
    #[arg(value_name = "FORM")]
    form: Form,

    /// Tables for this cluster: Replicated and Distributed (with `clickhouse`)
    #[arg(long, value_name = "NAME", default_value = "")]
    cluster: String,

    /// Tables in this database (with `clickhouse`)
    #[arg(long, value_name = "NAME", default_value = "heelguard")]
    database: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Alert,
    Transaction,
    Tls,
    Inventory,
    Stats,
    Report,
    Config,
    Clickhouse,
}

impl Schema {
    pub(super) fn run(self) -> Result<(), Failure> {
        let name = match self.form {
            Form::Alert => "alert",
            Form::Transaction => "transaction",
            Form::Tls => "tls",
            Form::Inventory => "inventory",
            Form::Stats => "stats",
            Form::Report => "report",
            Form::Clickhouse => return print(&self.tables()?),
            Form::Config => return print(&format!("{:#}\n", config::json_schema())),
        };
        print(sinks::schema::text(name).unwrap_or_default())
    }

    /// The tables' statements; names that could not be configured are refused as in a configuration.
    fn tables(self) -> Result<String, Failure> {
        let Self { cluster, database, .. } = self;
        let url = "http://localhost:8123".to_owned();
        let config = clickhouse::Config { url, database, cluster, ..clickhouse::Config::default() };
        config.check("clickhouse").map_err(Failure::usage)?;
        Ok(clickhouse::script(&config))
    }
}
