import ArgumentParser

/// Names on the command line, checked as the service does, before a key is made for them.
enum NameArgument {
  /// - Throws: `ValidationError` that names the argument.
  static func check(_ name: String, _ argument: String) throws {
    guard (1...64).contains(name.utf8.count), !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
      throw ValidationError("\(argument) must be 1 to 64 bytes of UTF-8 without control characters")
    }
    guard !name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw ValidationError("\(argument) must not be digits alone, which are a number")
    }
  }
}
