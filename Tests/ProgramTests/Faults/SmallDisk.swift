import Foundation
import Testing

/// A small file system of its own that a server's folder lies on. Only root can mount one.
final class SmallDisk {
  enum Kind: String {
    /// In memory.
    case tmpfs
    /// In a file, through a loop device: knows what was synchronised and what was not.
    case ext4
  }

  let folder: String
  private let kind: Kind
  private var image: String { folder + ".img" }
  private var filler: String { folder + "/filler" }

  /// Whether this process may mount such a disk; where it may not, what needs it is left out.
  static func isPossible(_ kind: Kind) -> Bool { (try? SmallDisk(kind, megabytes: 8)) != nil }

  init(_ kind: Kind, megabytes: Int) throws {
    self.kind = kind
    folder = NSTemporaryDirectory() + "countersign-disk-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    do {
      if kind == .ext4 {
        try Self.run("truncate -s \(megabytes)M \(image) && PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q \(image)")
      }
      try mount(size: megabytes)
    } catch {
      remove()
      throw error
    }
  }

  deinit {
    _ = try? Program.shell("umount --lazy \(folder)")
    remove()
  }

  private func remove() {
    try? FileManager.default.removeItem(atPath: folder)
    try? FileManager.default.removeItem(atPath: image)
  }

  private func mount(size megabytes: Int = 0) throws {
    switch kind {
    case .tmpfs: try Self.run("mount -t tmpfs -o size=\(megabytes)m tmpfs \(folder)")
    case .ext4: try Self.run("mount -o loop \(image) \(folder)")
    }
  }

  /// Moves the folder of a server that does not run onto this disk.
  func take(_ server: ServerProcess) throws {
    try Self.run("mv \(server.root)/server \(folder)/server && ln -s \(folder)/server \(server.root)/server && sync")
  }

  /// Takes room until `kilobytes` are left.
  func fill(leaving kilobytes: Int) throws {
    let free = try Self.run("df --output=avail -k \(folder) | tail -1")
    let taken = try #require(Int(free.filter(\.isNumber))) - kilobytes
    try Self.run("head -c \(max(0, taken))K /dev/zero >> \(filler)")
  }

  /// Takes all room that is left.
  func fill() throws { _ = try Program.shell("head -c 1T /dev/zero >> \(filler) 2>/dev/null") }

  func empty() throws { try FileManager.default.removeItem(atPath: filler) }

  /// The server stops where it is and nothing reaches the disk from then on, as when power is lost: ext4's
  /// EXT4_IOC_SHUTDOWN without writing its log. Under way, a call of fdatasync may return as if it had succeeded though
  /// what it wrote is lost, so nobody may go on after it.
  func losePower(of server: ServerProcess) throws {
    try server.freeze()
    let ioctl = "import fcntl, os, struct; fcntl.ioctl(os.open('\(folder)', 0), 0x8004587D, struct.pack('I', 2))"
    try Self.run("python3 -c \"\(ioctl)\"")
  }

  /// Mounts it again with what had reached it. Nobody may use it at the time.
  func restorePower() throws {
    try Self.run("umount \(folder)")
    try mount()
  }

  @discardableResult
  private static func run(_ line: String) throws -> String {
    let result = try Program.shell(line)
    guard result.status == 0 else { throw DiskError(words: result.errors) }
    return result.output
  }

  private struct DiskError: Error { let words: String }
}
