import Glibc

/// How many connections may be between their TCP handshake and the end of their TLS handshake. Those cost about 60 KiB
/// each and show nothing yet of who they are, so a few sources must not take all descriptors or all memory with them.
public struct HandshakeLimits: Sendable, Equatable {
  /// Of all sources together; more are closed at once.
  public var most: Int
  /// Of one source address; more are closed at once. A company's terminals may share one address.
  public var mostOfSource: Int

  public init(most: Int, mostOfSource: Int) {
    self.most = most
    self.mostOfSource = mostOfSource
  }

  /// 2,048 and 256, about 120 MiB and a second's logins; with few file descriptors a quarter of them, and half of that
  /// quarter.
  ///
  /// - Parameter descriptors: that the process may have open.
  public init(descriptors: Int) {
    self.init(most: max(2, min(2_048, descriptors / 4)))
  }

  /// At most 256 of one source, and half of all.
  public init(most: Int) {
    self.init(most: most, mostOfSource: max(1, min(256, most / 2)))
  }

  /// What `most` may be: a million handshakes take 60 GiB.
  public static let range = 1...1_000_000

  /// What fits the process's own limit of file descriptors.
  public static var standard: HandshakeLimits {
    var files = rlimit()
    let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0
    return HandshakeLimits(descriptors: isKnown ? Int(clamping: files.rlim_cur) : 1_024)
  }
}
