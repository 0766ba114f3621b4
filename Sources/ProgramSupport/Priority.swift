import Glibc

/// How much of the machine the process takes beside others.
public enum Priority {
  /// Lets whatever else the machine does go first: for long work on the files of a service that is paying meanwhile.
  ///
  /// A thread's nice value becomes 19 and its children's with it; the threads that are there already are set one by one
  /// (setpriority(2), "C library/kernel differences"). It says nothing between control groups: a service manager weighs
  /// those. Alone, the process is as fast as before.
  public static func lower() {
    guard let tasks = opendir("/proc/self/task") else { return }
    defer { closedir(tasks) }
    while let entry = readdir(tasks) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let thread = id_t(name) { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, 19) }
    }
  }
}
