import Bytes
import Cryptography
import Payments

extension CertificateRow {
  /// The register's row of a certificate. Verification fills the columns again with it, and compares.
  public init(_ leaf: Certificate, holder: Holder, macAddress: MACAddress?) {
    self.init(
      fingerprint: leaf.fingerprint, der: leaf.der, issuer: leaf.issuerDER, serial: leaf.serial,
      issuerText: leaf.issuerText, subjectText: leaf.subjectText, holder: holder, macAddress: macAddress,
      notAfter: leaf.notAfter)
  }
}

extension CertificateRow {
  /// Compares the columns that are copied out of the certificate with it, as its registration fills them.
  ///
  /// - Returns: what is not so, for people.
  var contradictions: [String] {
    let certificate: Certificate
    do {
      certificate = try Certificate(der: der)
    } catch {
      return ["\(der.count) bytes that are no certificate: \(error)"]
    }
    let own = CertificateRow(certificate, holder: holder, macAddress: macAddress).copied
    return zip(own, copied).filter { $0.text != $1.text }.map {
      "\($1.column) \(ShownText.escaped($1.text)), and its certificate \($0.text)"
    }
  }

  private var copied: [(column: String, text: String)] {
    [
      ("fingerprint", Hex.encode(fingerprint.bytes)), ("serial", Hex.encode(serial)), ("issuer", Hex.encode(issuer)),
      ("issuer_text", issuerText), ("subject_text", subjectText), ("not_after", "\(notAfter)"),
    ]
  }
}
