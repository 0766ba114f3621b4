/// A loop's methods, found by the bytes of a path without a `String`.
struct MethodIndex {
  enum Target {
    case async(path: String, MethodTable.Handler)
    /// Index into `handlers`.
    case inLoop(Int)
  }

  /// One for each in-loop method.
  let handlers: [any InLoopHandler]
  /// Sorted by length, then bytes; as long as `targets`.
  private let paths: [[UInt8]]
  private let targets: [Target]

  init(_ table: MethodTable, loop: ServerLoop) {
    var handlers: [any InLoopHandler] = []
    let sorted = table.methods.sorted { ($0.key.utf8.count, $0.key) < ($1.key.utf8.count, $1.key) }
    targets = sorted.map { path, method in
      switch method {
      case .async(let handler): return .async(path: path, handler)
      case .inLoop(let make):
        handlers.append(make(loop))
        return .inLoop(handlers.count - 1)
      }
    }
    paths = sorted.map { Array($0.key.utf8) }
    self.handlers = handlers
  }

  /// The place of a method; nil where the path is unknown.
  func find(_ path: UnsafeRawBufferPointer) -> Int? {
    var low = 0
    var high = paths.count
    while low < high {
      let middle = (low + high) / 2
      let order = paths[middle].withUnsafeBytes { compare($0, path) }
      if order == 0 { return middle }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  subscript(place: Int) -> Target { targets[place] }

  /// Shorter first, then by bytes, as the paths are sorted.
  private func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    if a.count != b.count { return a.count - b.count }
    for (x, y) in zip(a, b) where x != y { return Int(x) - Int(y) }
    return 0
  }
}
