//! What a shell and a manual reader need, made from the command line's own definition.
//! It is given the shell's name and prints its completion script, or the man page of the program.
//! It promises to know every option there is, because nothing is written twice.

use super::{Failure, print};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

const NAME: &str = "heelguard";

/// Print a completion script.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  heelguard completions bash > /etc/bash_completion.d/heelguard\n  heelguard completions fish | source"
)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(super) fn run<Cli: CommandFactory>(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

/// Print the man page.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  heelguard man > heelguard.1 && man ./heelguard.1")]
pub(super) struct Man;

impl Man {
    pub(super) fn run<Cli: CommandFactory>() -> Result<(), Failure> {
        let mut command = Cli::command();
        command.build();
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command.clone()).render(&mut page).and_then(|()| {
            command
                .get_subcommands()
                .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
                .try_for_each(|sub| subcommand(sub.clone(), &mut page))
        });
        rendered.map_err(|error| Failure::running(format!("cannot make the man page: {error}")))?;
        print(&String::from_utf8_lossy(&page))
    }
}

/// A command's own section of the page.
fn subcommand(command: clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let title = format!(".SH \"{NAME} {}\"\n", command.get_name()).to_uppercase();
    page.extend_from_slice(title.as_bytes());
    let man = clap_mangen::Man::new(command);
    man.render_description_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_options_section(page)
}
