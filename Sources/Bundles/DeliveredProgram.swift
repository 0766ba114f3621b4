/// Programs that the network service delivers.
public enum DeliveredProgram: String, Sendable, CaseIterable {
  case terminal = "countersign-terminal"
  case gateway = "countersign-gateway"
}

/// Which program is meant, and the names under which the network service serves what belongs to it.
public struct BundleName: Sendable, Hashable {
  public let program: DeliveredProgram
  public let version: ProgramVersion
  public let platform: ProgramPlatform

  public init(program: DeliveredProgram, version: ProgramVersion, platform: ProgramPlatform) {
    self.program = program
    self.version = version
    self.platform = platform
  }

  /// The program itself.
  public var file: String { "\(program.rawValue)-\(version)-\(platform)" }
  /// Signature over the program's bytes by the key of the first certificate of `chain`, for `openssl dgst -verify`.
  public var signature: String { "\(file).sig" }
  /// The signer's chain in PEM, root last.
  public var chain: String { "\(file).pem" }
  /// Serialized `SignedBundle`.
  public var description: String { "\(file).signed" }

  /// The description of the newest version of a program.
  public static func newest(_ program: DeliveredProgram, _ platform: ProgramPlatform) -> String {
    "\(program.rawValue)-\(platform).signed"
  }
}

/// Limits of bundles.
public enum BundleLimits {
  /// Largest program, bytes: four times a debug build.
  public static let largestProgram: UInt64 = 256 << 20
  /// Largest `SignedBundle`: a chain of 24 KiB and a description that is far smaller.
  public static let largestDescription = 32 << 10
}
