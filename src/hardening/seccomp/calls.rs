//! The system calls that are left to the sensor, and what their arguments may be.
//! It is given what the command needs and gives rules for the filter.
//! It promises that no listed call starts a process, makes memory executable, opens a namespace or types into a terminal.

use super::{Needs, Rules};
#[cfg(not(target_arch = "x86_64"))]
use libc::SYS_epoll_pwait;
use libc::{
    SYS_accept4, SYS_bind, SYS_brk, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone, SYS_close,
    SYS_connect, SYS_epoll_create1, SYS_epoll_ctl, SYS_eventfd2, SYS_exit, SYS_exit_group, SYS_fallocate,
    SYS_fcntl, SYS_fdatasync, SYS_flock, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate, SYS_futex,
    SYS_getdents64, SYS_geteuid, SYS_getrandom, SYS_getsockname, SYS_getsockopt, SYS_ioctl, SYS_lseek,
    SYS_madvise, SYS_mkdirat, SYS_mmap, SYS_mprotect, SYS_munmap, SYS_newfstatat, SYS_openat, SYS_pipe2,
    SYS_ppoll, SYS_prctl, SYS_pread64, SYS_pwrite64, SYS_read, SYS_recvfrom, SYS_recvmsg, SYS_renameat,
    SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield,
    SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_set_robust_list, SYS_setsockopt, SYS_shutdown,
    SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_statx, SYS_tgkill, SYS_unlinkat, SYS_write, SYS_writev,
};
#[cfg(target_arch = "x86_64")]
use libc::{SYS_epoll_wait, SYS_mkdir, SYS_poll, SYS_rename, SYS_unlink};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::ops::RangeInclusive;

/// Calls that came after the list was made: every processor gives them the same numbers.
pub(super) const NEWER: RangeInclusive<i64> = 424..=511;

/// What nothing in here does, ever.
pub(super) const HOSTILE: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// What every command needs, whatever its arguments.
const PLAIN: &[i64] = &[
    // Memory and time.
    SYS_brk,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_getrandom,
    SYS_madvise,
    SYS_munmap,
    // Threads, and how they end.
    SYS_exit,
    SYS_exit_group,
    SYS_futex,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_yield,
    SYS_set_robust_list,
    SYS_sigaltstack,
    SYS_tgkill,
    // Files.
    SYS_close,
    SYS_fallocate,
    SYS_fcntl,
    SYS_fdatasync,
    SYS_flock,
    SYS_fstat,
    SYS_fstatfs,
    SYS_fsync,
    SYS_ftruncate,
    SYS_getdents64,
    SYS_geteuid,
    SYS_lseek,
    SYS_mkdirat,
    SYS_newfstatat,
    SYS_openat,
    SYS_pread64,
    SYS_pwrite64,
    SYS_read,
    SYS_renameat,
    SYS_statx,
    SYS_unlinkat,
    SYS_write,
    SYS_writev,
    // Connections to sinks, and those of visitors. The page listens by now, so `listen` is not here.
    SYS_accept4,
    SYS_connect,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_socketpair,
    // Waiting.
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_ppoll,
];

/// The same under the older names that the C library of this processor still uses.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[SYS_epoll_wait, SYS_mkdir, SYS_poll, SYS_rename, SYS_unlink];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[SYS_epoll_pwait];

/// What is asked of an interface that is opened again.
const INTERFACE_CONTROLS: &[libc::Ioctl] = &[
    libc::SIOCETHTOOL,
    libc::SIOCGIFFLAGS,
    libc::SIOCGIFHWADDR,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFMTU,
    libc::SIOCGIFNAME,
];
/// What is asked of files, sockets and terminals; typing into a terminal is not among it.
const CONTROLS: &[libc::Ioctl] =
    &[libc::FIOCLEX, libc::FIONBIO, libc::FIONREAD, libc::TCGETS, libc::TIOCGWINSZ];

const THREAD: u64 = libc::CLONE_THREAD.unsigned_abs() as u64;
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .unsigned_abs() as u64;

/// Each call that is left, with what its arguments may be; a call without rules is let through as it is.
pub(super) fn rules(needs: &Needs) -> Result<Rules, BackendError> {
    let mut rules: Rules = PLAIN.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    // Everything that runs is in memory by now: neither data nor files become code.
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in [SYS_mmap, SYS_mprotect] {
        rules.insert(call, vec![when(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
    }
    // Threads, and no processes.
    rules.insert(SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(THREAD | NAMESPACES), THREAD)?]);
    rules.insert(
        SYS_prctl,
        one_of(0, [libc::PR_SET_NAME, libc::PR_SET_VMA].map(|it| it.unsigned_abs().into()))?,
    );
    let mut families = vec![libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
    let mut controls = CONTROLS.to_vec();
    if needs.captures {
        families.push(libc::AF_PACKET);
        controls.extend(INTERFACE_CONTROLS);
        rules.insert(SYS_bind, Vec::new());
    }
    rules.insert(SYS_socket, one_of(0, families.into_iter().map(|family| family.unsigned_abs().into()))?);
    rules.insert(SYS_ioctl, one_of(1, controls)?);
    Ok(rules)
}

/// The argument at this place is one of these. The kernel reads 32 bits of each of them.
fn one_of(place: u8, values: impl IntoIterator<Item = u64>) -> Result<Vec<SeccompRule>, BackendError> {
    values.into_iter().map(|value| when(place, SeccompCmpOp::Eq, value)).collect()
}

fn when(place: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(place, SeccompCmpArgLen::Dword, comparison, value)?])
}
