//! Who runs this, and whether that may listen.
//! It is given nothing and asks the kernel about the process.
//! It promises the command that gives the right and no more than it.

use super::finding::{Finding, State};
use super::limits;
use crate::cli::privileges::{Status, program};

/// Looks at capabilities, and at what a crash would leave.
pub(super) fn look() -> Vec<Finding> {
    let status = Status::read();
    vec![rights(status.as_ref().map_err(String::as_str)), limits::core_dumps()]
}

fn rights(status: Result<&Status, &str>) -> Finding {
    let status = match status {
        Ok(status) => status,
        Err(why) => return Finding::new("rights", State::Warn, why),
    };
    let who = if status.is_root() { "root".to_owned() } else { format!("user {}", status.users[1]) };
    if !status.may_capture() {
        let program = program();
        let found = format!("{who} may not open interfaces (no CAP_NET_RAW)");
        return Finding::new("rights", State::Bad, found).mend(format!(
            "run `sudo setcap cap_net_raw+ep {program}`, or start it as a service (deploy/systemd/heelguard.service)"
        ));
    }
    let found = format!("{who} may open interfaces (CAP_NET_RAW)");
    if status.is_modest() {
        return Finding::new("rights", State::Ok, format!("{found} and nothing else"));
    }
    Finding::new("rights", State::Ok, format!("{found}; a run gives up everything else once it listens"))
        .mend("choose whom it becomes with `--user heelguard`")
}
