import CLinux
import Glibc

/// What the process does for its secrets before it has any.
public enum Hardening {
  /// No core dumps, not readable by a debugger of the same user (PCI DSS 3.3.1: no authentication data on disk).
  public static func apply() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    _ = countersign_refuse_dumps()
    signal(SIGPIPE, SIG_IGN)
    // As many connections as the administrator of the machine allows, not the few that a shell begins with.
    var files = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 {
      files.rlim_cur = files.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
    }
  }
}
