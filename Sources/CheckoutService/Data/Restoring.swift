import AcquirerISO8583
import Audit
import Bytes
import Cryptography
import Files
import Payments
import StorageSQLite

/// What ``DataFolder/restore(_:now:)`` did.
public struct RestoredLedger: Sendable {
  public let epoch: Int64
  /// Tells two ledgers apart that were restored from one backup.
  public let id: Bytes16
  /// Last record under the head that the epoch goes on from.
  public let headLast: Int64
  /// Version of the data key that new cards are sealed under.
  public let keyVersion: UInt32
  /// Where the former ledger is kept; nil where there was none.
  public let former: String?
  /// Where its heads and its WAL are kept, as far as they were there.
  public let besides: [String]
}

extension DataFolder {
  /// STANs that are left out after a restore: more than a day's sales of most services. The file of reserved STANs may
  /// be as old as the ledger.
  static let stanGap: UInt64 = 200_000

  /// Puts a copy in the place of the ledger and begins a new epoch: see docs/operations.md, "Backup".
  ///
  /// - Parameters:
  ///   - pin: of the token that holds the vault's key-encryption key.
  ///   - now: milliseconds since 1970-01-01T00:00:00Z.
  /// - Throws: `StoreError`, `FileError` or ``SetupError`` that names the file. The former ledger is in its place then, or
  ///   nobody opens the ledger before the same call, which puts it back first.
  public func restore(_ file: String, pin: SecretBytes? = nil, now: Int64) throws -> RestoredLedger {
    try VaultKeys.checkThere(in: self)
    let signer = try key("audit/key.pem")
    var keyVersion: UInt32 = 0
    // The heads of what is lost are not those of what goes on; they stay as proof.
    let restored = try SQLiteStore.restore(
      file, to: ledger, besides: ["heads"], time: now, signer: { try signer.sign($0) },
      prepare: {
        let stans = self.file("acquirer/stan")
        if Files.exists(stans) { try STANFile.skip(Self.stanGap, in: stans) }
        keyVersion = try VaultKeys.addDataKey(in: self, pin: pin).version
      })
    return RestoredLedger(
      epoch: restored.epoch.number, id: restored.epoch.id, headLast: restored.epoch.headLast, keyVersion: keyVersion,
      former: restored.former, besides: restored.besides)
  }
}
