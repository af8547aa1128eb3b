//! The tables' text: numbered migrations, as they stand in `migrations/`, filled in for one server or a cluster.
//! It is given the database, the cluster and the days to keep, and gives statements, and the columns that are written.
//! It promises that columns are listed in one place only, the text itself, and that a text never changes once released.

use super::config::KeepDays;

/// One step of the tables' history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// Counts up from 1.
    pub(super) version: u32,
    /// What it makes.
    pub(super) name: &'static str,
    text: &'static str,
}

/// All steps, in order.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "tables", text: include_str!("migrations/0001_tables.sql") },
    Migration { version: 2, name: "rollups", text: include_str!("migrations/0002_rollups.sql") },
    Migration { version: 3, name: "views", text: include_str!("migrations/0003_views.sql") },
    Migration { version: 4, name: "connections", text: include_str!("migrations/0004_connections.sql") },
    Migration { version: 5, name: "boards", text: include_str!("migrations/0005_boards.sql") },
];

impl Migration {
    /// What tells this text from any other.
    pub(super) fn checksum(&self) -> String {
        blake3::hash(self.text.as_bytes()).to_hex().to_string()
    }
}

/// Where the tables are.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    pub(super) database: &'a str,
    /// Empty: one server.
    pub(super) cluster: &'a str,
    pub(super) keep_days: &'a KeepDays,
}

impl Site<'_> {
    /// The statement that makes the database.
    pub(super) fn make_database(&self) -> String {
        format!("CREATE DATABASE IF NOT EXISTS `{}`{}", self.database, self.on_cluster())
    }

    /// A migration's statements.
    pub(super) fn statements(&self, migration: &Migration) -> Vec<String> {
        let text: String = lines_of_code(migration.text).flat_map(|line| [line, "\n"]).collect();
        let filled = self.fill(&text, "");
        filled.split(";\n").map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// Everything, to be read or to be run by hand; the versions are written down as the program would.
    pub(super) fn script(&self) -> String {
        let mut script = format!("{};\n", self.make_database());
        for migration in MIGRATIONS {
            script.push_str(&format!("\n-- {}: {}\n", migration.version, migration.name));
            for statement in self.statements(migration) {
                script.push_str(&format!("\n{statement};\n"));
            }
        }
        script.push('\n');
        for migration in MIGRATIONS {
            script.push_str(&format!("{};\n", self.note(migration)));
        }
        script
    }

    /// The statement that writes down a migration.
    pub(super) fn note(&self, migration: &Migration) -> String {
        let (Migration { version, name, .. }, checksum) = (migration, migration.checksum());
        let table = self.table("schema_migrations");
        format!("INSERT INTO {table} (version, name, checksum) VALUES ({version}, '{name}', '{checksum}')")
    }

    /// A table's name as clients use it.
    pub(super) fn table(&self, name: &str) -> String {
        format!("`{}`.`{name}`", self.database)
    }

    /// For each rollup that is made of `table`: the statement that makes it again from some of the rows.
    /// States are idempotent, so what is in it already stays as it is.
    pub(super) fn rebuilds(&self, table: &str, rows: &str) -> Vec<String> {
        let source = format!("{{rows of {table}}}");
        let mut statements = Vec::new();
        for migration in MIGRATIONS {
            for statement in migration.text.split(";\n").filter(|statement| statement.contains(&source)) {
                let Some((head, select)) = statement.split_once(" AS\n") else { continue };
                let Some(target) = head.rsplit_once(" TO {").map(|(_, target)| target.trim_end_matches('}'))
                else {
                    continue;
                };
                let select = self.fill(select, rows);
                statements.push(format!("INSERT INTO {} {select}", self.table(target)));
            }
        }
        statements
    }

    fn on_cluster(&self) -> String {
        if self.cluster.is_empty() { String::new() } else { format!(" ON CLUSTER `{}`", self.cluster) }
    }

    /// The name of the table that holds the rows: on a cluster the one behind the Distributed one.
    fn local(&self, name: &str) -> String {
        let suffix = if !self.cluster.is_empty() && is_distributed(name) { "_local" } else { "" };
        self.table(&format!("{name}{suffix}"))
    }

    /// Replaces `{…}`. `rows`, a condition, stands for a choice of rows; empty: all as they come.
    fn fill(&self, text: &str, rows: &str) -> String {
        let mut filled = String::with_capacity(text.len() + 1024);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((token, after)) = after.split_once('}') else { break };
            filled.push_str(before);
            filled.push_str(&self.token(token, rows));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    fn token(&self, token: &str, rows: &str) -> String {
        let words: Vec<&str> = token.split(' ').collect();
        match words.as_slice() {
            ["replicated"] => if self.cluster.is_empty() { "" } else { "Replicated" }.to_owned(),
            ["create", name] => format!("{}{}", self.local(name), self.on_cluster()),
            ["all", name] => self.table(name),
            ["rows", "of", name] if rows.is_empty() => self.local(name),
            ["rows", "of", name] => format!("(SELECT * FROM {} WHERE {rows})", self.table(name)),
            ["days", what] => {
                let days = self.keep_days.rows().into_iter().find(|(key, _)| key == what);
                days.map_or(0, |(_, days)| days).to_string()
            }
            ["distributed", name, key] => self.distributed(name, key),
            [name] if name.contains('_') || *name == "tls" => self.local(name),
            _ => format!("{{{token}}}"),
        }
    }

    fn distributed(&self, name: &str, key: &str) -> String {
        if self.cluster.is_empty() {
            return String::new();
        }
        let (cluster, database) = (self.cluster, self.database);
        format!(
            "CREATE TABLE IF NOT EXISTS {}{} AS {}\nENGINE = Distributed('{cluster}', '{database}', '{name}_local', {key});\n",
            self.table(name),
            self.on_cluster(),
            self.local(name),
        )
    }
}

/// A column that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// As the server prints it.
    pub(super) type_name: &'static str,
}

/// The columns of a table, in order.
pub(super) fn columns(table: &str) -> Vec<Column> {
    let head = format!("CREATE TABLE IF NOT EXISTS {{create {table}}}\n(\n");
    let body = MIGRATIONS.iter().find_map(|migration| migration.text.split_once(&head)).map(|(_, body)| body);
    let lines = body.unwrap_or_default().lines().take_while(|line| *line != ")");
    lines.filter_map(|line| column(line.trim())).collect()
}

fn column(line: &'static str) -> Option<Column> {
    let (name, rest) = line.split_once(' ').filter(|(name, _)| *name != "INDEX")?;
    let ends = [" COMMENT ", " CODEC(", " DEFAULT "].iter().filter_map(|end| rest.find(end));
    let end = ends.min().unwrap_or(rest.trim_end_matches(',').len());
    Some(Column { name, type_name: rest.get(..end)?.trim() })
}

fn is_distributed(name: &str) -> bool {
    MIGRATIONS.iter().any(|migration| migration.text.contains(&format!("{{distributed {name} ")))
}

fn lines_of_code(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with("--"))
}

#[cfg(test)]
mod tests;
