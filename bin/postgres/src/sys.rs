//! The only room with `unsafe` in it: the few system calls the standard library does not wrap.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What a postmaster understands. There is no kill on purpose: it would leave its children alone
/// with the shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Fast shutdown: roll back, disconnect, checkpoint, end.
    Interrupt,
    /// Immediate shutdown: end now, recover from the log at the next start.
    Quit,
}

impl Signal {
    fn number(self) -> libc::c_int {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
        }
    }
}

/// One entry of the passwd database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) name: String,
    pub(crate) home: String,
}

pub(crate) fn effective_uid() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

pub(crate) fn effective_gid() -> u32 {
    // SAFETY: getegid has no preconditions and cannot fail.
    unsafe { libc::getegid() }
}

pub(crate) fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: kill takes two numbers and touches no memory of ours.
    if unsafe { libc::kill(pid, signal.number()) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// Blocks until our child `pid` has ended, and leaves it to be reaped by whoever owns it. Returns
/// at once when there is no such child (any more).
pub(crate) fn wait_without_reaping(pid: u32) {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` is a valid place for one siginfo_t and outlives the call.
        let answer = unsafe {
            libc::waitid(
                libc::P_PID,
                pid,
                info.as_mut_ptr(),
                libc::WEXITED | libc::WNOWAIT,
            )
        };
        if answer == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Gives the child a session of its own, so that Ctrl-C in our terminal reaches us only.
pub(crate) fn in_own_session(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and only makes the async-signal-safe call
    // setsid; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| {
            if libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Makes the kernel send `signal` to the child when the **thread** that spawned it ends. Linux
/// only; elsewhere it does nothing and the next start stops the leftover server.
///
/// The standard library changes the user before it runs this, which matters: the kernel forgets
/// the request when the user changes.
pub(crate) fn tied_to_this_thread(command: &mut Command, signal: Signal) {
    #[cfg(target_os = "linux")]
    {
        let owner = std::process::id();
        let number = signal.number();
        // SAFETY: the closure runs between fork and exec and only makes the async-signal-safe
        // calls prctl and getppid; it allocates nothing and takes no lock.
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, number) == -1 {
                    return Err(io::Error::last_os_error());
                }
                // The owner may have died before the request was made; nobody would tell us.
                if u32::try_from(libc::getppid()) != Ok(owner) {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                Ok(())
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (command, signal);
}

/// The user called `name`, or `None` when there is none.
pub(crate) fn user_by_name(name: &str) -> io::Result<Option<User>> {
    let name = CString::new(name)?;
    // SAFETY: `name` ends in NUL and outlives the call; `look_up` gives valid buffers.
    look_up(|entry, buffer, size, found| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, buffer, size, found)
    })
}

/// The user with this id, or `None` when the id has no name.
pub(crate) fn user_by_id(uid: u32) -> io::Result<Option<User>> {
    // SAFETY: `look_up` gives valid buffers.
    look_up(|entry, buffer, size, found| unsafe {
        libc::getpwuid_r(uid, entry, buffer, size, found)
    })
}

type Entry = *mut libc::passwd;

fn look_up(
    call: impl Fn(Entry, *mut libc::c_char, libc::size_t, *mut Entry) -> libc::c_int,
) -> io::Result<Option<User>> {
    let mut buffer = vec![0; 1024];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::zeroed();
        let mut found: Entry = std::ptr::null_mut();
        let fault = call(
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &mut found,
        );
        match fault {
            0 if found.is_null() => return Ok(None),
            // SAFETY: the call succeeded and `found` is not null, so it points at `entry`, whose
            // strings end in NUL and lie in `buffer`; both live until the copy is made.
            0 => return Ok(Some(unsafe { copy(found) })),
            libc::ERANGE if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            libc::ENOENT | libc::ESRCH => return Ok(None),
            _ => return Err(io::Error::from_raw_os_error(fault)),
        }
    }
}

/// # Safety
/// `entry` points at a filled-in passwd entry whose strings are alive.
unsafe fn copy(entry: Entry) -> User {
    // SAFETY: promised by the caller.
    unsafe {
        User {
            uid: (*entry).pw_uid,
            gid: (*entry).pw_gid,
            name: CStr::from_ptr((*entry).pw_name)
                .to_string_lossy()
                .into_owned(),
            home: CStr::from_ptr((*entry).pw_dir)
                .to_string_lossy()
                .into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_by_id() {
        let by_name = user_by_name("root").unwrap().unwrap();
        let by_id = user_by_id(0).unwrap().unwrap();

        assert_eq!(by_name, by_id);
        assert_eq!(by_name.name, "root");
    }

    #[test]
    fn a_user_that_does_not_exist_is_none() {
        assert_eq!(user_by_name("no-such-user-here").unwrap(), None);
        assert_eq!(user_by_id(3_999_999_999).unwrap(), None);
    }
}
