//! Program and function say the same, and both directions of a connection get the same number.

use super::*;
