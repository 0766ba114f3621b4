/// What a program runs on, for example `linux-x86_64`.
public struct ProgramPlatform: Sendable, Hashable, CustomStringConvertible {
  public let description: String

  /// This program's own.
  public static let current: ProgramPlatform = {
    #if arch(x86_64)
      ProgramPlatform(description: "linux-x86_64")
    #elseif arch(arm64)
      ProgramPlatform(description: "linux-aarch64")
    #else
      #error("add this machine to ProgramPlatform")
    #endif
  }()

  private static let known = ["linux-x86_64", "linux-aarch64"]

  /// Reads a platform's name; nil: it is none that programs are made for.
  public init?(_ text: String) {
    guard Self.known.contains(text) else { return nil }
    description = text
  }

  private init(description: String) { self.description = description }

  /// The platform that an executable file is for, by its ELF header: 64 bits, little-endian, and `e_machine` at byte 18
  /// (ELF-64 Object File Format, section 3); nil: it is no program for a known platform.
  ///
  /// - Parameter file: its first 20 bytes, or more.
  public init?(ofELF file: some Collection<UInt8>) {
    let head = Array(file.prefix(20))
    guard head.count == 20, head.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else { return nil }
    switch UInt16(head[18]) | UInt16(head[19]) << 8 {
    case 62: self.init("linux-x86_64")
    case 183: self.init("linux-aarch64")
    default: return nil
    }
  }
}
