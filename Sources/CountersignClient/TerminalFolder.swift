import Authority
import Bytes
import Cryptography
import Files
import Messages
import Seals

/// The terminal's folder.
///
/// ```
/// profile.signed       serialized SignedProfile: the preset destination
/// consultant.pem       the consultant's chain, root last
/// consultant.key       PKCS#8, encrypted under the consultant's passphrase; the root's fingerprint stands before it, with
///                      the key's own signature
/// enrolling.key        the key of an enrolment that has not ended, in the same form
/// company.pem .key     where this terminal holds the company's key itself
/// interface            name of the network interface, never its address
/// pending/KEY          serialized OpenPayment, a payment without a known outcome; no card data
/// ```
public struct TerminalFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Whether a terminal was enrolled here.
  public var isEnrolled: Bool { Files.exists(file("consultant.pem")) }

  /// - Throws: ``TerminalError/folder(_:)`` where no terminal was enrolled here, `FileError` where that cannot be told,
  ///   because the folder is another user's for instance.
  public func checkEnrolled() throws {
    guard try Files.isThere(file("consultant.pem")) else {
      guard !Files.exists(file("tls.pem")) else {
        throw TerminalError.folder("\(path) is a gateway's folder, not a terminal's; name the terminal's with --data")
      }
      throw TerminalError.folder("\(path) is not enrolled; run countersign-terminal enrol HOST:PORT TOKEN")
    }
  }

  /// Writes what an enrolment brought; the certificate last, since it marks the folder as enrolled. Open payments stay.
  func store(
    profile: SignedProfile, chain: [Certificate], key: PrivateKey, passphrase: SecretBytes, root: Bytes32,
    interface: NetworkInterface
  ) throws {
    try Files.write(profile.encoded(), to: file("profile.signed"))
    try Files.write(Array(interface.name.utf8), to: file("interface"))
    try Files.write(chain.flatMap(\.pem), to: file("next.pem"), mode: 0o644)
    try write(key, to: "consultant.key", passphrase, root)
    try Files.rename(file("next.pem"), to: file("consultant.pem"))
    try Files.destroy(file("enrolling.key"))
  }

  /// Makes the folder and writes the key alone: a key that a certificate was issued for must not be lost.
  func store(key: PrivateKey, passphrase: SecretBytes, root: Bytes32) throws {
    try makeFolders()
    try write(key, to: "enrolling.key", passphrase, root)
  }

  func makeFolders() throws {
    try Files.makeFolder(path)
    try Files.makeFolder(file("pending"))
  }

  /// Puts a newer certificate and key of an outside authority in the place of the consultant's; everything else stays.
  ///
  /// - Parameter passphrase: the one that opens this folder.
  /// - Throws: ``TerminalError``, `FileError`; then nothing was changed.
  public func replace(with holder: CertificateHolder, passphrase: SecretBytes) throws {
    let (_, root) = try consultantKey(passphrase: passphrase)
    try holderCheck(.consultant, pinned: root).check(holder)
    try put(holder, passphrase, root)
  }

  /// Puts a certificate and key in the place of the consultant's, unchecked.
  func put(_ holder: CertificateHolder, _ passphrase: SecretBytes, _ root: Bytes32) throws {
    try Files.write(holder.chain.flatMap(\.pem), to: file("next.pem"), mode: 0o644)
    try write(holder.key, to: "consultant.key", passphrase, root)
    try Files.rename(file("next.pem"), to: file("consultant.pem"))
  }

  private func write(_ key: PrivateKey, to name: String, _ passphrase: SecretBytes, _ root: Bytes32) throws {
    let signature = try key.sign(SigningInput.pinnedRoot(root))
    let head = "service-root: \(Hex.encode(root.bytes))\nroot-signature: \(Hex.encode(signature))\n"
    try Files.write(Array(head.utf8) + (try key.pem(passphrase: passphrase)), to: file(name))
  }

  /// The key of an enrolment that was interrupted, where it was made for the same service and passphrase.
  ///
  /// - Throws: ``TerminalError/key(_:)`` where there is one that does not fit: it may belong to an issued certificate.
  func unfinishedKey(passphrase: SecretBytes, root: Bytes32) throws -> PrivateKey? {
    guard Files.exists(file("enrolling.key")) else { return nil }
    let kept = try? readKey("enrolling.key", passphrase)
    guard let kept, kept.root == root else {
      throw TerminalError.key(
        "\(file("enrolling.key")) is from an enrolment that was interrupted, with another passphrase or service; "
          + "repeat it with the same ones, or remove the file and ask for a new token")
    }
    return kept.key
  }

  /// Removes the key of an enrolment that brought no certificate.
  func dropUnfinishedKey() throws { try Files.destroy(file("enrolling.key")) }

  /// The consultant's chain, leaf first. Where a renewal or enrolment was cut off after its key was written, the chain
  /// that came with it takes its place now.
  func consultantChain(of key: PrivateKey) throws -> [Certificate] {
    let current = try chain("consultant.pem")
    if current[0].publicKey == key.publicKey { return current }
    guard Files.exists(file("next.pem")), let next = try? chain("next.pem"), next[0].publicKey == key.publicKey else {
      throw TerminalError.folder(
        "\(file("consultant.key")) is not the key of \(file("consultant.pem")); enrol again with --replace")
    }
    try Files.rename(file("next.pem"), to: file("consultant.pem"))
    return next
  }

  /// The consultant's key and the root's fingerprint that stands with it.
  func consultantKey(passphrase: SecretBytes) throws -> (key: PrivateKey, root: Bytes32) {
    try readKey("consultant.key", passphrase)
  }

  /// The preset destination, for what needs no login. The passphrase is not asked for, so the root that stands beside
  /// the key is only as good as the folder's owner: nobody else may use it.
  ///
  /// - Throws: ``TerminalError``, `FileError`.
  public func trustedProfile() throws -> TrustedProfile {
    try checkEnrolled()
    for name in ["consultant.key", "profile.signed"] {
      guard try Files.isOwn(file(name), orElse: Self.advice) else {
        throw TerminalError.folder("\(file(name)) belongs to another user; run this as that user")
      }
    }
    let root = try pinnedRoot(try part("consultant.key", isSecret: true), "consultant.key")
    return try TrustedProfile(try signedProfile(), pinned: root, wall: Wall.milliseconds(), isKept: true)
  }

  private func readKey(_ name: String, _ passphrase: SecretBytes) throws -> (key: PrivateKey, root: Bytes32) {
    let bytes = try part(name, isSecret: true)
    let root = try pinnedRoot(bytes, name)
    let key = try TerminalError.ofPassphrase { try parts.key(in: bytes, name, passphrase) }
    // Whoever can write the file but lacks the passphrase cannot put another root beside this key.
    guard let signature = Self.line("root-signature: ", of: bytes).flatMap({ Hex.decode($0) }),
      key.publicKey.isValid(signature: signature, for: SigningInput.pinnedRoot(root))
    else {
      throw TerminalError.untrusted("\(file(name)): the root beside the key was altered; enrol again with --replace")
    }
    return (key, root)
  }

  /// The root's fingerprint that stands before a key.
  private func pinnedRoot(_ bytes: [UInt8], _ name: String) throws(TerminalError) -> Bytes32 {
    guard let root = Self.line("service-root: ", of: bytes).flatMap({ Hex.decode($0) }).flatMap(Bytes32.init) else {
      throw TerminalError.folder("\(file(name)) does not begin with its service root; enrol again with --replace")
    }
    return root
  }

  /// What follows a name in one of the two lines before the key; the signature of the largest RSA key has 4,096 digits.
  private static func line(_ name: String, of bytes: [UInt8]) -> Substring? {
    let head = String(decoding: bytes.prefix(8_192), as: UTF8.self)
    return head.split(separator: "\n").prefix(2).first { $0.hasPrefix(name) }?.dropFirst(name.count)
  }

  /// Certificate and key of the company where this terminal holds them.
  func company() throws -> (chain: [Certificate], key: PrivateKey)? {
    guard Files.exists(file("company.pem")) || Files.exists(file("company.key")) else { return nil }
    let key = try TerminalError.ofPassphrase { try parts.key("company.key", nil) }
    return (try chain("company.pem"), key)
  }

  /// Installs the company's certificate and key on this enrolled terminal.
  ///
  /// - Throws: ``TerminalError`` where they are another company's or service's, `FileError`; then nothing was changed.
  public func install(company: CertificateHolder) throws {
    try holderCheck(.company, pinned: trustedProfile().rootFingerprint).check(company)
    try write(company: company)
  }

  private func holderCheck(_ role: Role, pinned: Bytes32) throws -> HolderCheck {
    let profile = try TrustedProfile(try signedProfile(), pinned: pinned, wall: Wall.milliseconds(), isKept: true)
    return HolderCheck(
      role: role, pinned: pinned, root: profile.root, organisation: try chain("consultant.pem")[0].organisation)
  }

  /// Writes the company's certificate and key, unchecked.
  func write(company: CertificateHolder) throws {
    try Files.write(try company.key.pem(passphrase: nil), to: file("company.key"))
    try Files.write(company.chain.flatMap(\.pem), to: file("company.pem"), mode: 0o644)
  }

  /// Whether logins from here lack the company's certificate: the preset destination is the service itself, which
  /// countersigns nothing, and the company's key is not installed.
  ///
  /// - Throws: ``TerminalError``, `FileError`.
  public func lacksCompany() throws -> Bool {
    try !Files.exists(file("company.pem")) && trustedProfile().profile.hopRole == .server
  }

  func interface() throws -> NetworkInterface {
    try NetworkInterface(named: String(decoding: try part("interface", limit: 64), as: UTF8.self))
  }

  func signedProfile() throws(FileError) -> SignedProfile {
    try parts.signedProfile()
  }

  private func chain(_ name: String) throws(FileError) -> [Certificate] { try parts.chain(name) }

  private static let advice = "put it back, or enrol again with --replace"

  private var parts: FolderParts { FolderParts(path, advice: Self.advice) }

  private func part(_ name: String, isSecret: Bool = false, limit: Int = 1 << 16) throws(FileError) -> [UInt8] {
    try parts.bytes(name, isSecret: isSecret, limit: limit)
  }
}

extension TerminalFolder {
  /// Remembers a payment before its first send, so that after a crash the terminal asks before it charges.
  func remember(_ order: PaymentOrder, ledger: [UInt8]) throws {
    var kept = OpenPayment()
    kept.order = order
    kept.order?.session = []
    kept.ledger = ledger
    try write(kept, key: order.idempotencyKey)
  }

  func write(_ open: OpenPayment, key: [UInt8]) throws {
    try Files.write(open.encoded(), to: file("pending/\(Hex.encode(key))"))
  }

  /// Whether a payment is remembered.
  public func remembers(key: [UInt8]) -> Bool { Files.exists(file("pending/\(Hex.encode(key))")) }

  /// A payment that is remembered and whose file can be read.
  func openPayment(key: [UInt8]) -> OpenPayment? { try? openPayment(Hex.encode(key)) }

  /// The ledger under which a key was made; empty where that is not remembered.
  func ledger(ofKey key: [UInt8]) -> [UInt8] { openPayment(key: key)?.ledger ?? [] }

  /// Whether a payment is remembered whose key this terminal made: where the service does not know that one any more,
  /// nothing was charged. Of any other key nobody here can say so.
  public func hasMade(key: [UInt8]) -> Bool { !ledger(ofKey: key).isEmpty }

  /// Forgets a payment whose outcome is known.
  func forget(key: [UInt8]) throws { try Files.destroy(file("pending/\(Hex.encode(key))")) }

  /// Whether a remembered payment was last sent so long ago that the service would not charge it any more.
  func isOver(key: [UInt8], wall: Int64) -> Bool {
    guard let sent = Files.modified(file("pending/\(Hex.encode(key))")) else { return true }
    return wall / 1_000 - sent > 600
  }

  /// Payments whose outcome is not known, oldest first.
  ///
  /// - Throws: where one of the files is damaged, see ``openPayments()``.
  public func pending() throws -> [PaymentOrder] {
    let open = try openPayments()
    if let damaged = open.damaged.first { throw damaged }
    return open.orders
  }

  /// Payments whose outcome is not known, oldest first, and what is wrong with the files that cannot be read as one.
  ///
  /// - Throws: `FileError` where the folder cannot be listed.
  public func openPayments() throws -> (orders: [PaymentOrder], damaged: [TerminalError]) {
    var (orders, damaged): ([PaymentOrder], [TerminalError]) = ([], [])
    for name in try Files.names(in: file("pending")) where !name.hasSuffix(".new") {
      let path = file("pending/\(name)")
      guard Hex.decode(name)?.count == 16 else {
        damaged.append(
          .folder("\(path) is not of this program: its name is no payment's key; move the file out of that folder"))
        continue
      }
      do {
        if let order = try openPayment(name).order { orders.append(order) }
      } catch {
        damaged.append(
          .folder(
            "\(path) is damaged (\(error)); its name is the payment's key: ask with countersign-terminal status \(name), "
              + "then remove the file"))
      }
    }
    return (orders, damaged)
  }

  private func openPayment(_ name: String) throws -> OpenPayment {
    let open = try OpenPayment(decoding: try Files.read(file("pending/\(name)")))
    guard let order = open.order, Hex.encode(order.idempotencyKey) == name else {
      throw TerminalError.folder("it holds no payment of this key")
    }
    return open
  }
}
