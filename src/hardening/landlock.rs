//! Landlock: the kernel shows this process its own folders and no others.
//! It is given what the command needs and gives the version of the kernel's interface, or why it does not hold.
//! It promises that nothing is executed any more and that no port is opened to wait for others; on older kernels what
//! these know, which is less.

use super::Needs;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// The newest version of which everything is asked for; what an older kernel does not know is left out.
const NEWEST: ABI = ABI::V6;

/// Takes everything else away from the calling thread and those it starts.
pub(super) fn restrict(needs: &Needs) -> Result<String, String> {
    let status = apply(needs).map_err(|error| format!("the kernel refuses Landlock: {error}"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("Landlock is not among the kernel's security modules (boot parameter lsm=)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Err("this kernel has no Landlock (Linux 5.13 and newer)".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Ok(format!("its own folders, version {effective_abi}"))
        }
        (_, _) => Ok("its own folders".to_owned()),
    }
}

fn apply(needs: &Needs) -> Result<landlock::RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        // The page has its port by now; nothing else waits for others.
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::Signal)?
        .create()?
        // Paths that are not there are passed over.
        .add_rules(path_beneath_rules(&needs.reads, read))?
        .add_rules(path_beneath_rules(&needs.writes, keep()))?
        .restrict_self()
}

/// What is done in folders of the sensor's own: everything but programs, devices and sockets.
fn keep() -> BitFlags<AccessFs> {
    let foreign = AccessFs::Execute
        | AccessFs::MakeChar
        | AccessFs::MakeBlock
        | AccessFs::MakeSock
        | AccessFs::MakeFifo
        | AccessFs::MakeSym
        | AccessFs::IoctlDev;
    AccessFs::from_all(NEWEST) & !foreign
}
