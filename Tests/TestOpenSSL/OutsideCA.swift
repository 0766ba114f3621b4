import Foundation
import TestPrograms

/// An authority that is none of ours, kept by `openssl ca`: an RSA root, an issuing authority between, an OCSP delegate,
/// and an index from which `openssl ocsp` answers.
/// Its files are written under a lock, which is why it may be shared.
public final class OutsideCA: @unchecked Sendable {
  private let lock = NSLock()

  /// What makes a leaf a consultant's or company's at this authority.
  public static let consultant = "1.3.6.1.4.1.55555.1"
  public static let company = "1.3.6.1.4.1.55555.2"
  /// The same as certificate policies.
  public static let consultantPolicy = "1.3.6.1.4.1.55555.10.1"
  public static let companyPolicy = "1.3.6.1.4.1.55555.10.2"

  /// Names of files: certificate with its issuers, and key.
  public struct Leaf: Sendable {
    public let chain: String
    public let certificate: String
    public let key: String
  }

  public let openssl: OpenSSLCommand
  public var folder: String { openssl.folder.path }
  /// PEM files.
  public var root: String { "\(folder)/root.pem" }
  public var issuing: String { "\(folder)/issuing.pem" }
  public var delegate: String { "\(folder)/delegate.pem" }
  public var delegateKey: String { "\(folder)/delegate.key" }

  public init() throws {
    openssl = try OpenSSLCommand()
    try openssl.write(Array(Self.configuration.utf8), to: "ca.cnf")
    for name in ["root", "issuing"] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      try openssl.write([], to: "\(name)/index.txt")
      try openssl.write(Array("1001\n".utf8), to: "\(name)/serial")
    }
    try make(
      "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-config", "ca.cnf", "-extensions", "root_extensions", "-days",
      "3650", "-subj", "/C=KR/O=National PKI/CN=National Root", "-keyout", "root.key", "-out", "root.pem")
    try sign("issuing", subject: "/C=KR/O=National PKI/CN=National Issuing", by: "root", "issuing_extensions")
    try sign("delegate", subject: "/C=KR/O=National PKI/CN=National OCSP", by: "issuing", "delegate_extensions")
  }

  /// Issues a leaf.
  ///
  /// - Parameters:
  ///   - usage: extended key usage; nil: none.
  ///   - policy: certificate policy; nil: none.
  ///   - ocsp: address in the certificate; nil: none.
  public func issue(
    _ name: String, subject: String, usage: String? = nil, policy: String? = nil, ocsp: String? = nil, days: Int = 30
  ) throws -> Leaf {
    lock.lock()
    defer { lock.unlock() }
    var extensions = """
      basicConstraints=critical,CA:FALSE
      keyUsage=critical,digitalSignature
      subjectKeyIdentifier=hash
      authorityKeyIdentifier=keyid:always

      """
    if let usage { extensions += "extendedKeyUsage=\(usage)\n" }
    if let policy { extensions += "certificatePolicies=\(policy)\n" }
    if let ocsp { extensions += "authorityInfoAccess=OCSP;URI:\(ocsp)\n" }
    try openssl.write(Array("[leaf]\n\(extensions)".utf8), to: "\(name).ext")
    try sign(name, subject: subject, by: "issuing", "leaf", file: "\(name).ext", days: days)
    let chain = try openssl.read("\(name).pem") + openssl.read("issuing.pem")
    try openssl.write(chain, to: "\(name).chain.pem")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder)/\(name).key")
    return Leaf(
      chain: "\(folder)/\(name).chain.pem", certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
  }

  public func revoke(_ name: String) throws {
    lock.lock()
    defer { lock.unlock() }
    try make(
      "ca", "-config", "ca.cnf", "-name", "issuing", "-revoke", "\(name).pem", "-crl_reason", "keyCompromise")
  }

  private func sign(
    _ name: String, subject: String, by issuer: String, _ extensions: String, file: String = "ca.cnf", days: Int = 365
  ) throws {
    try make(
      "req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", "ca.cnf", "-subj", subject, "-keyout", "\(name).key",
      "-out", "\(name).csr")
    try make(
      "ca", "-batch", "-notext", "-config", "ca.cnf", "-name", issuer, "-extfile", file, "-extensions", extensions,
      "-days", "\(days)", "-in", "\(name).csr", "-out", "\(name).pem")
  }

  private func make(_ words: String...) throws {
    let (text, isGood) = try openssl.run(words)
    guard isGood else { throw ProgramFailure(text: "openssl \(words.joined(separator: " ")): \(text)") }
  }

  private static let configuration = """
    [req]
    distinguished_name = name
    string_mask = utf8only
    [name]
    [root]
    database = root/index.txt
    serial = root/serial
    new_certs_dir = root
    certificate = root.pem
    private_key = root.key
    default_md = sha256
    policy = any
    unique_subject = no
    [issuing]
    database = issuing/index.txt
    serial = issuing/serial
    new_certs_dir = issuing
    certificate = issuing.pem
    private_key = issuing.key
    default_md = sha256
    policy = any
    unique_subject = no
    [any]
    countryName = optional
    organizationName = optional
    commonName = supplied
    [root_extensions]
    basicConstraints = critical,CA:TRUE
    keyUsage = critical,keyCertSign,cRLSign
    subjectKeyIdentifier = hash
    [issuing_extensions]
    basicConstraints = critical,CA:TRUE,pathlen:0
    keyUsage = critical,keyCertSign,cRLSign
    subjectKeyIdentifier = hash
    authorityKeyIdentifier = keyid:always
    certificatePolicies = \(consultantPolicy),\(companyPolicy)
    [delegate_extensions]
    basicConstraints = critical,CA:FALSE
    keyUsage = critical,digitalSignature
    extendedKeyUsage = OCSPSigning
    noCheck = ignored
    subjectKeyIdentifier = hash
    authorityKeyIdentifier = keyid:always

    """
}

/// `openssl ocsp` as a responder, until it is thrown away.
public final class OpenSSLResponder {
  public let port: Int
  public var address: String { "http://127.0.0.1:\(port)/" }
  private let process: RunningProgram

  /// - Parameter options: more of `openssl ocsp`'s, for example `-nmin 5`.
  public init(_ authority: OutsideCA, _ options: [String] = ["-nmin", "5"]) throws {
    process = try RunningProgram(
      "openssl",
      [
        "ocsp", "-port", "0", "-index", "issuing/index.txt", "-CA", "issuing.pem", "-rsigner", "delegate.pem", "-rkey",
        "delegate.key",
      ] + options, folder: authority.folder)
    // "ACCEPT [::]:46245 PID=1673"
    let text = try process.prints("PID=")
    let place = text.split(separator: " ").first { $0.contains(":") } ?? ""
    guard let port = place.split(separator: ":").last.flatMap({ Int($0) }) else {
      throw ProgramFailure(text: "openssl ocsp tells no port: \(text)")
    }
    self.port = port
  }

  public func stop() { process.kill() }
}
