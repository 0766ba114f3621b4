import CheckoutService
import Files
import Glibc

/// Whether and where the running service would leave its memory in a file.
struct CoreDumps {
  /// The kernel's pattern, for example "core" or "|/usr/lib/systemd/systemd-coredump …".
  let pattern: String
  /// The process that has the ledger open; nil where there is none, or it cannot be seen.
  let server: Int32?
  /// Its RLIMIT_CORE in bytes, as the kernel writes it: a number or "unlimited".
  let limit: String?

  init(_ folder: DataFolder) throws {
    pattern = try Self.text("/proc/sys/kernel/core_pattern")
    server = Self.holder(of: "\(folder.ledger)-lock")
    limit = server.flatMap { try? Self.text("/proc/\($0)/limits") }.flatMap(Self.coreLimit)
  }

  /// Whether the service may leave a core dump. A pipe gets the core whatever the limit, but the service refuses to be
  /// dumped at all; the limit tells whether it has done so.
  var isOff: Bool { limit.map { $0 == "0" } ?? true }

  /// Files that the pattern would have made in its own folder; those of a pattern without one lie in the folder that the
  /// service was started in.
  var files: [String] {
    guard !pattern.hasPrefix("|") else { return [] }
    let fixed = pattern.prefix { $0 != "%" }
    let (folder, prefix): (String, Substring)
    if let slash = fixed.lastIndex(of: "/") {
      (folder, prefix) = (String(fixed[...slash]), fixed[fixed.index(after: slash)...])
    } else {
      guard let server else { return [] }
      (folder, prefix) = ("/proc/\(server)/cwd/", fixed)
    }
    let names = (try? Files.names(in: folder)) ?? []
    return names.filter { !prefix.isEmpty && $0.hasPrefix(prefix) }.map { folder + $0 }
  }

  /// The process with a lock on a file, by /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF".
  private static func holder(of path: String) -> Int32? {
    var status = stat()
    guard stat(path, &status) == 0, let locks = try? text("/proc/locks") else { return nil }
    for line in locks.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "FLOCK", words[5].hasSuffix(":\(status.st_ino)") else { continue }
      return Int32(words[4])
    }
    return nil
  }

  /// Of /proc/PID/limits: "Max core file size         0                    0                    bytes".
  private static func coreLimit(_ limits: String) -> String? {
    let line = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
    return line?.split(separator: " ").dropFirst(4).first.map(String.init)
  }

  private static func text(_ path: String) throws -> String {
    let bytes = try Files.read(path)
    return String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
  }
}
