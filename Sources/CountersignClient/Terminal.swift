import Bytes
import CountersignRPC
import Cryptography
import Messages
import Seals
import TLS

/// An enrolled terminal: the consultant's key, perhaps the company's, and the preset destination.
///
/// ```swift
/// let terminal = try Terminal(folder: TerminalFolder(path), passphrase: passphrase, program: "desk/1.0")
/// let session = try await terminal.login()
/// let result = try await session.pay(order, card: card)
/// ```
public struct Terminal: Sendable {
  public let folder: TerminalFolder
  let trusted: TrustedProfile
  let consultantChain: [Certificate]
  let consultantKey: PrivateKey
  let company: (chain: [Certificate], key: PrivateKey)?
  let interface: NetworkInterface
  let program: String
  /// Of the service's sealing certificate, which comes with each login.
  let known = KnownPaths()

  /// Reads the folder and verifies the profile under the root that stands beside the key.
  ///
  /// - Throws: ``TerminalError`` or `FileError` with the file's name.
  public init(folder: TerminalFolder, passphrase: SecretBytes, program: String) throws {
    try folder.checkEnrolled()
    self.folder = folder
    self.program = program
    let (key, root) = try folder.consultantKey(passphrase: passphrase)
    consultantKey = key
    trusted = try TrustedProfile(
      try folder.signedProfile(), pinned: root, wall: Wall.milliseconds(), isKept: true)
    consultantChain = try folder.consultantChain(of: key)
    company = try folder.company()
    interface = try folder.interface()
  }

  /// The preset destination.
  public var profile: Profile { trusted.profile }

  /// How the preset destination's TLS certificate is verified.
  public func transport() throws -> TLSContext { try .client(verify: try trusted.verification()) }

  /// Connects to the preset destination and nowhere else.
  ///
  /// - Parameter connections: TCP connections to keep, 1 for a desk.
  public func connect(connections: Int = 1) throws -> RPCClient {
    RPCClient(
      host: trusted.profile.hopHost, port: UInt16(trusted.profile.hopPort),
      tls: try transport(), connections: connections)
  }

  /// Logs in and gets a second identity.
  ///
  /// - Parameter channel: from ``connect(connections:)``; nil makes one that the session closes at logout.
  /// - Throws: ``TerminalError``.
  public func login(over channel: RPCClient? = nil) async throws -> TerminalSession {
    try await login(over: channel, until: nil)
  }

  /// - Parameter end: when nobody waits any more; nil: each call has its usual time.
  private func login(over channel: RPCClient?, until end: ContinuousClock.Instant?) async throws -> TerminalSession {
    let connection = try channel ?? connect()
    let options = { CallOptions(within: end.map { $0 - .now }, isSealed: $0) }
    do {
      return try await TerminalError.mapping {
        let login = try await Login(terminal: self, channel: connection, options: options).run()
        let session = TerminalSession(
          terminal: self, channel: connection, ownsChannel: channel == nil, login: login)
        try await session.issueIdentity(options(true))
        return session
      }
    } catch {
      if channel == nil { await connection.close() }
      throw error
    }
  }

  /// Logs in as ``login(over:)``, again and again while the service has no room to record it or the gateway does not
  /// reach the service.
  ///
  /// - Parameters:
  ///   - duration: how long that may take; an attempt that is on its way then ends within a second.
  ///   - onWait: called before the first wait, and before that where nothing has come for 5 s.
  /// - Throws: ``TerminalError``; any other reason at once.
  public func login(
    waitingAtMost duration: Duration, onWait: (@Sendable (PaymentWait) -> Void)? = nil
  ) async throws -> TerminalSession {
    let end = ContinuousClock.now + duration
    let silence = onWait.map { Silence(profile, until: end, onWait: $0) }
    defer { silence?.finish() }
    var waitedFor: RPCStatus?
    while true {
      do {
        return try await login(over: nil, until: end)
      } catch TerminalError.refused(let status) where status.passes {
        let pause = Duration.milliseconds(max(500, Int64(clamping: status.retryAfterMilliseconds ?? 0)))
        let left = end - .now
        guard pause < left else { throw TerminalError.refused(status) }
        silence?.tell("\(status)", until: end)
        waitedFor = status
        try await Task.sleep(for: pause)
      } catch TerminalError.refused(let status) where status.code == .deadlineExceeded {
        // What it waited for in vain says more than that the time is over.
        throw TerminalError.refused(waitedFor ?? status)
      }
    }
  }
}

extension RPCStatus {
  /// Whether a login that got it may be tried again soon, since nobody has to do anything at this terminal.
  fileprivate var passes: Bool { ["STORE_UNAVAILABLE", "UPSTREAM_LOST"].contains(reason) }
}

extension CallOptions {
  /// Of a call that ends with somebody's wait, or after one short attempt where that is over.
  ///
  /// - Parameter left: of the wait; nil: the call has its usual time.
  init(within left: Duration?, isSealed: Bool) {
    let most = left.map { max(.seconds(1), min($0, .seconds(60))) }
    self.init(timeoutMicroseconds: most.map { UInt64($0 / .microseconds(1)) }, isSealed: isSealed)
  }
}

/// One login: challenge, statement, both signatures, and the sealed answer.
///
/// Source: docs/security.md, "Login".
struct Login {
  let terminal: Terminal
  let channel: RPCClient
  /// Of its calls, each sealed or not.
  var options: (_ isSealed: Bool) -> CallOptions = { CallOptions(isSealed: $0) }

  /// What a login gives.
  struct Established: Sendable {
    let session: Bytes16
    let keys: SessionKeys
    let leaf: Bytes32
    let macAddress: [UInt8]
    let result: LoginResult
    /// Monotonic milliseconds when the answer had come: a little later than the service's own count begins, so that no
    /// payment is charged later than was meant.
    let startedAt: Int64
  }

  /// A login that only has to be sent.
  struct Prepared: Sendable {
    var request: LoginRequest
    let keys: SessionKeys
    /// SHA-256 of the statement.
    let digest: Bytes32
    let leaf: Bytes32
    let macAddress: [UInt8]
  }

  func run() async throws -> Established {
    let client = CheckoutClient(channel)
    let begun = try await client.beginLogin(BeginLoginRequest(), options: options(false))
    try ClockCheck.check(serviceTime: begun.serverTimeMs)
    let prepared = try prepare(begun)
    let reply = try await client.login(prepared.request, options: options(true))
    let startedAt = Monotonic.milliseconds()
    let result = try open(reply, prepared)
    guard let session = Bytes16(result.session) else {
      throw TerminalError.untrusted("the login's answer has no session")
    }
    return Established(
      session: session, keys: prepared.keys, leaf: prepared.leaf, macAddress: prepared.macAddress, result: result,
      startedAt: startedAt)
  }

  /// Makes statement, keys and signatures for a challenge.
  ///
  /// - Parameter altering: changes the statement before it is signed, for tests.
  func prepare(_ begun: BeginLoginReply, altering: (inout LoginStatement) -> Void = { _ in }) throws -> Prepared {
    let sealingKey = try trustedKey(begun)
    let leaf = terminal.consultantChain[0].fingerprint
    let preset = PresetInformation(
      serviceName: terminal.profile.serviceName, rootFingerprint: terminal.trusted.rootFingerprint,
      sealingKeyID: sealingKey.id)
    let (enc, context) = try HPKE.sender(to: sealingKey.publicKey, info: preset.hpkeInfo)
    let macAddress = try terminal.interface.macAddress()
    var message = statement(begun, sealingKey, enc: enc, macAddress: macAddress, leaf: leaf)
    altering(&message)
    let statement = message.encoded()
    let digest = SHA256.digest(statement)
    return Prepared(
      request: try request(statement), keys: SessionKeys(context: context, statement: digest), digest: digest,
      leaf: leaf, macAddress: macAddress)
  }

  private func trustedKey(_ begun: BeginLoginReply) throws -> TrustedSealingKey {
    guard let signed = begun.sealingKey else { throw TerminalError.untrusted("no sealing key came") }
    let key = try TrustedSealingKey(
      signed, pinned: terminal.trusted.rootFingerprint, root: terminal.trusted.root, known: terminal.known,
      wall: Wall.milliseconds())
    guard key.serviceName == terminal.profile.serviceName else {
      throw TerminalError.untrusted("the sealing key is for service \(key.serviceName)")
    }
    return key
  }

  private func statement(
    _ begun: BeginLoginReply, _ key: TrustedSealingKey, enc: [UInt8], macAddress: [UInt8], leaf: Bytes32
  ) -> LoginStatement {
    var statement = LoginStatement()
    statement.challenge = begun.challenge
    statement.serviceName = terminal.profile.serviceName
    statement.rootFingerprint = terminal.trusted.rootFingerprint.bytes
    statement.sealingKeyId = key.id
    statement.enc = enc
    statement.macAddress = macAddress
    statement.certificateDigest = leaf.bytes
    statement.programVersion = terminal.program
    return statement
  }

  /// Signs, and countersigns where this terminal holds the company's key; else the gateway does.
  private func request(_ statement: [UInt8]) throws -> LoginRequest {
    var request = LoginRequest()
    request.statement = statement
    request.signature = try terminal.consultantKey.sign(SigningInput.statement(statement))
    request.consultantChain = terminal.consultantChain.map(\.der)
    if let company = terminal.company {
      request.companyChain = company.chain.map(\.der)
      request.countersignature = try company.key.sign(
        SigningInput.countersignature(
          statement: statement, signature: request.signature, companyLeaf: company.chain[0].fingerprint))
    }
    return request
  }

  private func open(_ reply: LoginReply, _ prepared: Prepared) throws -> LoginResult {
    do {
      let body = try ReplySeal(keys: prepared.keys, method: CheckoutMethods.login)
        .open(reply.body, digest: prepared.digest, sequence: 0)
      return try LoginResult(decoding: body)
    } catch {
      throw TerminalError.untrusted("the login's answer is not the service's")
    }
  }
}
