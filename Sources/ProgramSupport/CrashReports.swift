import Glibc

/// Swift's report of a crash.
public enum CrashReports {
  /// Has the program end by the signal alone. The report that Swift's runtime would print tells registers and the memory
  /// that they point at, which may be card data or keys; for SIGQUIT it prints it and goes on. The runtime takes only
  /// signals that are not ignored, which stay so.
  public static func switchOff() {
    for crash in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV, SIGTRAP] where !Interruption.isIgnored(crash) {
      signal(crash, SIG_DFL)
    }
  }
}
