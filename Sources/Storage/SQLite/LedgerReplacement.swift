import Files
import Glibc
import Payments

/// A new ledger that takes the place of the former one, whose files are kept beside it.
///
/// A marker, `LEDGER.restore-begun`, is durable before the first file is renamed and goes away after the last. While it
/// stands nobody opens the ledger, so whatever lies in its place has recorded nothing, and the former files can be put
/// back: at once after an error, and by the next restore where the process ended.
struct LedgerReplacement {
  /// A file or folder of the former ledger: where it belongs and where it is kept, names in the ledger's folder.
  struct Move: Equatable {
    let place: String
    let kept: String
  }

  let ledger: String
  let moves: [Move]

  /// - Parameters:
  ///   - ledger: path of the ledger.
  ///   - besides: names in its folder that belong to the former ledger and are kept with it.
  /// - Throws: `FileError` where something is kept under one of the names already.
  init(of ledger: String, epoch: Int64, besides: [String]) throws(FileError) {
    let name = Self.name(of: ledger)
    let suffix = ".before-epoch-\(epoch)"
    let all =
      besides.map { Move(place: $0, kept: $0 + suffix) }
      + [Move(place: "\(name)-wal", kept: "\(name)\(suffix)-wal"), Move(place: name, kept: name + suffix)]
    self.ledger = ledger
    var moves: [Move] = []
    for move in all {
      let kept = Self.path(move.kept, beside: ledger)
      guard try !Files.isThere(kept) else {
        throw FileError(
          path: kept, doing: "make",
          cause: "it is there, of a restore before; where that one is meant, start the service, else move it away first"
        )
      }
      if try Files.isThere(Self.path(move.place, beside: ledger)) { moves.append(move) }
    }
    self.moves = moves
  }

  /// One that was cut off, from its marker; nil where none was.
  ///
  /// - Throws: `FileError`.
  init?(cutOff ledger: String) throws(FileError) {
    let marker = Self.marker(of: ledger)
    guard try Files.isThere(marker) else { return nil }
    let lines = String(decoding: try Files.read(marker), as: UTF8.self).split(separator: "\n").dropFirst()
    self.ledger = ledger
    var moves: [Move] = []
    for line in lines {
      let names = line.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard names.count == 2, !names[0].isEmpty, !names[1].isEmpty else {
        throw FileError(path: marker, doing: "read", cause: "it is not as a restore wrote it")
      }
      moves.append(Move(place: names[0], kept: names[1]))
    }
    self.moves = moves
  }

  static func marker(of ledger: String) -> String { "\(ledger).restore-begun" }

  /// - Throws: ``StoreError/restoreCutOff(_:)`` while the marker stands.
  static func checkNone(of ledger: String) throws(StoreError) {
    let marker = marker(of: ledger)
    guard access(marker, F_OK) != 0 else { throw .restoreCutOff(marker) }
  }

  /// Puts the new ledger in place.
  ///
  /// - Throws: `FileError`; all of the former ledger is in its place then, or the marker stands.
  func run(with new: String) throws(FileError) {
    let text =
      (["a restore was cut off: give countersign-server restore again"] + moves.map { "\($0.place)/\($0.kept)" })
    try Files.write(Array((text.joined(separator: "\n") + "\n").utf8), to: Self.marker(of: ledger))
    do {
      try Files.syncFolder(of: ledger)
      for move in moves { try Files.rename(path(move.place), to: path(move.kept)) }
      unlink("\(ledger)-shm")
      // The former ledger's new name must not be lost where the next rename is not.
      try Files.syncFolder(of: ledger)
      try Files.rename(new, to: ledger)
      try Files.syncFolder(of: ledger)
    } catch {
      throw putBack(after: error)
    }
    try removeMarker()
  }

  private func putBack(after error: FileError) -> FileError {
    do {
      try putBack()
      return FileError(
        path: error.path, doing: "go on", cause: "\(error); the former ledger is in its place again, as it was")
    } catch let second {
      return FileError(
        path: error.path, doing: "go on",
        cause:
          "\(error); then the former ledger could not be put back: \(second); give countersign-server restore again")
    }
  }

  /// Puts all of the former ledger in its place, and removes what lies there. Cut off, the next call goes on.
  ///
  /// - Throws: `FileError`; the marker stands then.
  func putBack() throws(FileError) {
    for move in moves.reversed() where try Files.isThere(path(move.kept)) {
      try Files.rename(path(move.kept), to: path(move.place))
    }
    var ofNew = ["\(ledger)-shm"]
    if !moves.contains(where: { path($0.place) == ledger }) { ofNew.append(ledger) }
    for path in ofNew where unlink(path) != 0 && errno != ENOENT {
      throw FileError(path: path, doing: "remove", code: errno)
    }
    try Files.syncFolder(of: ledger)
    try removeMarker()
  }

  /// That it is gone is made durable here, or else by the start (``SQLiteStore/init(path:reserve:signer:)``): what has
  /// served must never be taken for what a restore left.
  private func removeMarker() throws(FileError) {
    let marker = Self.marker(of: ledger)
    guard unlink(marker) == 0 || errno == ENOENT else { throw FileError(path: marker, doing: "remove", code: errno) }
    try? Files.syncFolder(of: ledger)
  }

  /// Path of a name in the ledger's folder.
  func path(_ name: String) -> String { Self.path(name, beside: ledger) }

  private static func path(_ name: String, beside ledger: String) -> String {
    ledger.dropLast(Self.name(of: ledger).count) + name
  }

  private static func name(of ledger: String) -> String {
    String(ledger[(ledger.lastIndex(of: "/").map(ledger.index(after:)) ?? ledger.startIndex)...])
  }
}
