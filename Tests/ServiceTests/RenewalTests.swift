import Cryptography
import Files
import Foundation
import Testing

@testable import CheckoutService

/// The service's own certificates are renewed before they end.
@Suite struct RenewalTests {
  static let day: Int64 = 86_400

  @Test func nothingIsRenewedBeforeTheLastThird() throws {
    try withFolder { folder, now in
      let renewed = try folder.renewCertificates(now: now + 19 * Self.day)
      #expect(renewed == [])
    }
  }

  @Test(
    arguments: zip(
      [21, 61, 300] as [Int64],
      [["sealing", "ocsp"], ["tls", "sealing", "ocsp"], ["tls", "sealing", "admin", "ocsp"]]))
  func whatIsInItsLastThirdIsRenewed(_ days: Int64, _ names: [String]) throws {
    try withFolder { folder, now in
      let later = now + days * Self.day
      let renewed = try folder.renewCertificates(now: later)
      #expect(renewed == names)
      for name in names {
        let leaf = try folder.chain("\(name)/chain.pem")[0]
        #expect(leaf.notAfter > later + 10 * Self.day)
      }
      let again = try folder.renewCertificates(now: later)
      #expect(again == [])
    }
  }

  @Test func whatWasRenewedWhileTheClockWasAheadIsRenewedOnceItIsRight() throws {
    try withFolder { folder, now in
      let ahead = try folder.renewCertificates(now: now + 300 * Self.day)
      #expect(ahead == ["tls", "sealing", "admin", "ocsp"])
      let right = try folder.renewCertificates(now: now + 1)
      #expect(right == ahead)
      for name in right {
        let leaf = try folder.chain("\(name)/chain.pem")[0]
        #expect(leaf.notBefore <= now + 1 && now + 1 <= leaf.notAfter)
      }
      #expect(try folder.renewCertificates(now: now + 1) == [])
    }
  }

  @Test func aClockFromBeforeTheServiceWasMadeIsNamed() throws {
    try withFolder { folder, now in
      let error = #expect(throws: SetupError.self) { try folder.renewCertificates(now: now - 3 * Self.day) }
      #expect(error.map { "\($0)" }?.contains("this machine's clock tells") == true)
    }
  }

  @Test func aRenewedCertificateKeepsKeyNamesAndRole() throws {
    try withFolder { folder, now in
      let before = try folder.chain("tls/chain.pem")[0]
      _ = try folder.renewCertificates(now: now + 80 * Self.day)
      let after = try folder.chain("tls/chain.pem")
      #expect(after[0].publicKey == before.publicKey)
      #expect(after[0].dnsNames == before.dnsNames)
      #expect(after[0].serial != before.serial)
      try CertificatePath.verify(
        chain: after, anchors: [after[after.count - 1]], role: .server, at: now + 81 * Self.day, dnsName: "localhost")
    }
  }
}

/// Runs `body` with the folder of a new service and the time, in seconds, at which it was made.
func withFolder(_ body: (DataFolder, Int64) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "countersign-renewal-\(UUID().uuidString)"
  defer { try? FileManager.default.removeItem(atPath: path) }
  let now = Int64(Date().timeIntervalSince1970)
  let plan = Setup.Plan(serviceName: "pay.test", dnsNames: ["localhost"], administrator: "tester")
  try Setup.make(plan, in: DataFolder(path), now: now)
  try body(DataFolder(path), now)
}
