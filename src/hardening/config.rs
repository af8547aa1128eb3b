//! `[hardening]`: which locks are wanted beside those that are always there.
//! It is read from the file and says of each lock whether the sensor tries it, insists on it, or leaves it open.
//! It promises that what is not written is tried, and that a kernel without it does not keep the sensor from its work.

use serde::{Deserialize, Serialize};

/// `[hardening]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The list of system calls.
    pub seccomp: Calls,
    /// The list of folders.
    pub landlock: Folders,
}

/// What is done about system calls that are not on the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// They are refused, and a sensor whose kernel cannot do that does not start.
    Required,
    /// They are refused where the kernel can do that.
    #[default]
    On,
    /// They are let through and told in the kernel's log.
    Log,
    /// They are not looked at.
    Off,
}

/// What is done about files that are not in the folders the sensor needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Folders {
    /// They are refused, and a sensor whose kernel cannot do that does not start.
    Required,
    /// They are refused where the kernel can do that.
    #[default]
    On,
    /// They are not looked at.
    Off,
}
