import AcquirerISO8583
import AcquirerSimulator
import Authority
import Bytes
import CountersignRPC
import Cryptography
import Files
import Glibc
import Ledger
import Listening
import Logging
import Messages
import NIOCore
import NetworkService
import OCSP
import Payments
import ServiceLifecycle
import StorageSQLite
import TLS

/// The whole service of one process: ledger, acquirer, login, payments and the port that they are called on.
///
/// Started in the order in which the parts need each other, stopped backwards: calls first, then the ledger.
public final class CheckoutServer: Service {
  /// What operators set.
  public struct Configuration: Sendable {
    /// Address to listen on.
    public var listenHost: String
    /// TCP port to listen on; 0 takes any free one.
    public var listenPort: UInt16
    /// Host that terminals are sent to.
    public var publicHost: String
    /// Port that terminals are sent to; 0 means the port listened on.
    public var publicPort: UInt16
    /// Number of the terminals' profile; never decreases.
    public var profileNumber: UInt64
    /// Event loops; each is one thread.
    public var eventLoops: Int
    /// Milliseconds for open calls to finish at the end.
    public var drainMilliseconds: Int64
    /// TCP port of the OCSP responder; 0 takes any free one, nil: no responder.
    public var ocspPort: UInt16?
    /// Address that the OCSP responder listens on.
    public var ocspHost: String
    /// Public address of the OCSP responder, which goes into consultants' and companies' certificates; nil: none does.
    public var ocspAddress: OCSPAddress?
    /// How many connections the OCSP responder has at once.
    public var ocspLimits = OCSPListener.Limits()
    public var acquirer: AcquirerChoice
    /// Folder that signed heads of the journal are kept in; nil: `heads` in the data folder.
    public var headsFolder: String?
    /// Of the PKCS#11 token that holds the vault's key-encryption key, where one does.
    public var vaultPIN: SecretBytes?
    /// Connections that may be in their TLS handshake.
    public var handshakes = HandshakeLimits.standard
    /// Where programs are served over HTTPS; nil: nowhere.
    public var network: NetworkPort?

    /// Ports of the network service.
    public struct NetworkPort: Sendable {
      /// TCP port to listen on; 0 takes any free one.
      public var listenPort: UInt16
      /// Port that terminals are sent to, at `publicHost`; 0 means the port listened on.
      public var publicPort: UInt16

      public init(listenPort: UInt16, publicPort: UInt16 = 0) {
        self.listenPort = listenPort
        self.publicPort = publicPort
      }
    }

    public init(
      listenHost: String, listenPort: UInt16, publicHost: String, publicPort: UInt16 = 0, profileNumber: UInt64 = 1,
      eventLoops: Int, drainMilliseconds: Int64 = 10_000, ocspPort: UInt16? = nil, ocspHost: String = "127.0.0.1",
      ocspAddress: OCSPAddress? = nil, acquirer: AcquirerChoice = .simulator(SimulatorConfiguration())
    ) {
      self.listenHost = listenHost
      self.listenPort = listenPort
      self.publicHost = publicHost
      self.publicPort = publicPort
      self.profileNumber = profileNumber
      self.eventLoops = eventLoops
      self.drainMilliseconds = drainMilliseconds
      self.ocspPort = ocspPort
      self.ocspHost = ocspHost
      self.ocspAddress = ocspAddress
      self.acquirer = acquirer
    }
  }

  /// Who charges the cards.
  public enum AcquirerChoice: Sendable {
    /// Nobody.
    case simulator(SimulatorConfiguration)
    case iso8583(Dialect)
  }

  /// Serves programs; a service of its own, which the same group runs. Nil where it is not configured.
  public let network: NetworkService?
  private let parts: ServerParts
  private let rpc: RPCServer
  private let drain: Duration
  private let logger: Logger
  /// Port of the OCSP responder; nil where there is none.
  public let ocspPort: UInt16?

  private init(
    _ parts: ServerParts, _ rpc: RPCServer, _ network: NetworkService?, ocspPort: UInt16?, drain: Duration,
    logger: Logger
  ) {
    self.parts = parts
    self.rpc = rpc
    self.network = network
    self.ocspPort = ocspPort
    self.drain = drain
    self.logger = logger
  }

  /// Opens the folder, starts the ledger, with what its last process left open, and listens.
  ///
  /// - Parameter onFatal: called where the ledger cannot tell whether a commit happened; must end the process.
  /// - Returns: the server and the port that it listens on.
  /// - Throws: `FileError`, `StoreError`, or why the port could not be had.
  public static func start(
    _ configuration: Configuration, folder: DataFolder, clock: ServiceClock = .system, logger: Logger,
    onFatal: @escaping @Sendable (any Error) -> Void
  ) async throws -> (server: CheckoutServer, port: UInt16) {
    let parts = try ServerParts(configuration, folder, clock, logger, onFatal)
    try await parts.tellWrongClock(clock, logger)
    try parts.ledger.start()
    do {
      try await parts.journalStart()
      try await folder.registerAdministrator(in: parts.ledger, now: clock.wall())
      try await parts.lockouts.load()
      try await parts.readCompanies()
      try await parts.policies.read(from: parts.ledger)
      try await parts.vault.rotator.resume()
      var server = ServerConfiguration(
        host: configuration.listenHost, port: Int(configuration.listenPort), program: "countersign-server 1.0.0",
        loops: configuration.eventLoops)
      server.limits.program = "countersign-server 1.0.0"
      server.handshakes = configuration.handshakes
      let rpc = RPCServer(
        configuration: server, tls: try parts.connections.callsContext(), methods: parts.methods(), logger: logger,
        health: parts.health)
      let ocspPort = try await parts.startResponder(configuration)
      let port: UInt16
      do {
        port = UInt16(try await rpc.start())
      } catch {
        throw ListenError(
          host: configuration.listenHost, port: configuration.listenPort, option: "--port", hostOption: "--listen",
          cause: error)
      }
      parts.connections.use(rpc)
      parts.destination.set(port: configuration.publicPort == 0 ? port : configuration.publicPort)
      let network: NetworkService?
      do {
        network = try await startNetwork(configuration, folder, parts, logger)
      } catch {
        await rpc.shutdown(drain: .zero)
        throw error
      }
      let drain = Duration.milliseconds(configuration.drainMilliseconds)
      let checkout = CheckoutServer(parts, rpc, network, ocspPort: ocspPort, drain: drain, logger: logger)
      return (checkout, port)
    } catch {
      await parts.stopResponder()
      await parts.stop()
      throw error
    }
  }

  private static func startNetwork(
    _ configuration: Configuration, _ folder: DataFolder, _ parts: ServerParts, _ logger: Logger
  ) async throws -> NetworkService? {
    guard let ports = configuration.network else { return nil }
    let network: NetworkService
    do {
      network = try await NetworkService.start(
        .init(
          host: configuration.listenHost, port: ports.listenPort, publicPort: ports.publicPort,
          folder: folder.file("bundles"),
          drainMilliseconds: configuration.drainMilliseconds),
        tls: try parts.connections.programsContext(),
        service: parts.destination.served(service: parts.identity), logger: logger)
    } catch let error as IOError {
      throw ListenError(
        host: configuration.listenHost, port: ports.listenPort, option: "--https-port", hostOption: "--listen",
        cause: error)
    }
    parts.destination.set(networkPort: ports.publicPort == 0 ? network.port : ports.publicPort)
    parts.connections.use(network)
    return network
  }

  /// Keeps house until the service group or the task is told to stop, then stops.
  public func run() async throws {
    await cancelWhenGracefulShutdown { [parts] in
      await withDiscardingTaskGroup { group in
        group.addTask { await parts.watch.run() }
        group.addTask { await parts.heads.run() }
        await parts.housekeeping.run()
      }
    }
    await stop()
  }

  /// Reads the TLS certificate and its key again. Connections that come from now on are shown them, open ones go on;
  /// where they cannot be used, the former ones stay.
  public func reload() {
    do {
      try parts.connections.reload()
      logger.notice("TLS certificate read again")
    } catch {
      logger.error("the TLS certificate could not be read again; the former one stays", metadata: ["error": "\(error)"])
    }
  }

  /// Does at once what is else done every minute: renews certificates, rotates sealing keys, ends sessions.
  package func keepHouse() async { await parts.housekeeping.work() }
  /// Asks outside authorities about the live sessions that are due, as ``run()`` does every second.
  func askOutsideAuthoritiesAgain() async { await parts.watch.askAgain() }

  /// Stops taking calls, lets open ones finish, writes what is left and closes the ledger.
  public func stop() async {
    await rpc.shutdown(drain: drain)
    await parts.stopResponder()
    await parts.refusals.flush()
    await parts.stop()
  }
}

/// Everything behind the port, made in the order in which it is needed.
private struct ServerParts: Sendable {
  let ledger: Ledger
  let refusals: RefusalJournal
  let housekeeping: Housekeeping
  let lockouts: Lockouts
  let policies = CompanyPolicies()
  let connections: ConnectionControl
  let health = Health()
  let destination: PublicDestination
  let identity: ServiceIdentity
  let watch: StatusWatch
  let heads: HeadPublisher
  let vault: VaultCare
  private let responder: StatusResponder
  private let listener: OCSPListener
  private let acquirer: any Acquirer
  private let reader: SQLiteReader
  private let journal: AuditReader
  private let companies: CompanyCertificates
  private let checkout: CheckoutCalls
  private let enrolment: EnrolmentCalls
  private let admin: AdminCalls
  private let audit: AuditCalls
  private let gateways: GatewayCalls
  private let payments: PaymentService

  init(
    _ configuration: CheckoutServer.Configuration, _ folder: DataFolder, _ clock: ServiceClock, _ logger: Logger,
    _ onFatal: @escaping @Sendable (any Error) -> Void
  ) throws {
    try folder.checkMade()
    for name in try folder.renewCertificates(now: clock.wall() / 1_000) {
      logger.notice("certificate renewed", metadata: ["folder": "\(name)"])
    }
    identity = try ServiceIdentity(folder, ocspAddress: configuration.ocspAddress)
    let authorities = Authorities(
      root: identity.root, outside: try OutsideAuthority.readAll(in: folder.anchors, root: identity.root))
    let status = OutsideStatus(authorities: authorities, clock: clock)
    let process = UInt64.random(in: 1...UInt64.max)
    connections = ConnectionControl(folder: folder, root: identity.root)
    acquirer = try Self.acquirer(configuration.acquirer, folder, clock, logger)
    let pin = configuration.vaultPIN
    try VaultKeys.recover(in: folder, pin: pin)
    let ring = VaultKeyRing(try VaultKeys(reading: folder, pin: pin))
    ledger = try Self.ledger(acquirer, ring, folder, clock, logger, onFatal)
    vault = VaultCare(
      folder: folder, ring: ring,
      rotator: KeyRotator(folder: folder, pin: pin, ring: ring, ledger: ledger, clock: clock, logger: logger), pin: pin)
    reader = try SQLiteReader(path: folder.ledger)
    refusals = RefusalJournal(ledger: ledger, clock: clock, logger: logger)
    lockouts = Lockouts(ledger: ledger, clock: clock, logger: logger)
    destination = PublicDestination(
      host: configuration.publicHost, dnsName: identity.dnsName, number: configuration.profileNumber)
    let sealingKeys = try SealingKeyRing(
      folder: folder, serviceName: identity.serviceName, now: clock.wall())
    let sessions = SessionTable()
    companies = CompanyCertificates()
    watch = StatusWatch(
      authorities: authorities, status: status, sessions: sessions, ledger: ledger, clock: clock, logger: logger)
    responder = StatusResponder(
      issuer: identity.issuer.certificate, signer: try folder.ocspSigner(),
      register: try SQLiteReader(path: folder.ledger), clock: clock, logger: logger)
    listener = OCSPListener(
      path: configuration.ocspAddress?.path ?? "/", limits: configuration.ocspLimits, logger: logger
    ) { [responder] in await responder.answer($0) }
    checkout = CheckoutCalls(
      identity: identity, sealingKeys: sealingKeys, sessions: sessions, companies: companies, policies: policies,
      authorities: authorities, status: status, watch: watch, ledger: ledger, refusals: refusals, lockouts: lockouts,
      clock: clock, process: process)
    enrolment = EnrolmentCalls(
      sealingKeys: sealingKeys, profiles: ProfileMaker(identity: identity, folder: folder, destination: destination),
      identity: identity, companies: companies, authorities: authorities, status: status, ledger: ledger,
      refusals: refusals, lockouts: lockouts, clock: clock)
    admin = AdminCalls(
      issuer: identity.issuer, rootFingerprint: identity.root.fingerprint, ledger: ledger, reader: reader,
      acquirer: acquirer, companies: companies, policies: policies, authorities: authorities, status: status,
      responder: responder, refusals: refusals, lockouts: lockouts, sessions: sessions, connections: connections,
      vault: vault, clock: clock)
    journal = try AuditReader(path: folder.ledger)
    heads = HeadPublisher(
      folder: configuration.headsFolder ?? folder.file("heads"),
      receivers: try HeadReceiver.readAll(in: folder.file("receivers")), reader: journal, clock: clock,
      logger: logger)
    audit = AuditCalls(
      admin: admin, reader: journal, key: try folder.key("audit/key.pem"),
      serviceName: identity.serviceName)
    gateways = GatewayCalls(ledger: ledger, companies: companies, policies: policies, refusals: refusals)
    payments = PaymentService(
      sessions: sessions, opener: checkout.opener, companies: companies, ledger: ledger, refusals: refusals,
      vault: ring, clock: clock, process: process)
    housekeeping = Housekeeping(
      folder: folder, sealingKeys: sealingKeys, sessions: sessions, responder: responder, refusals: refusals,
      ledger: ledger, connections: connections,
      openPayments: OpenPaymentWatch(reader: reader, clock: clock, logger: logger),
      openOperations: OperationWatch(ledger: ledger, logger: logger), health: health, clock: clock,
      logger: logger)
  }

  private static func acquirer(
    _ choice: CheckoutServer.AcquirerChoice, _ folder: DataFolder, _ clock: ServiceClock, _ logger: Logger
  ) throws -> any Acquirer {
    switch choice {
    case .simulator(let configuration): return try Simulator(configuration)
    case .iso8583(let dialect):
      try Files.makeFolder(folder.file("acquirer"))
      return try ISO8583Acquirer(
        dialect, stanFile: folder.file("acquirer/stan"), logger: logger, wall: clock.wall)
    }
  }

  /// - Returns: the port; nil where there is to be no responder.
  func startResponder(_ configuration: CheckoutServer.Configuration) async throws -> UInt16? {
    guard let port = configuration.ocspPort else { return nil }
    do {
      return UInt16(try await listener.start(host: configuration.ocspHost, port: Int(port)))
    } catch {
      throw ListenError(
        host: configuration.ocspHost, port: port, option: "--ocsp-port", hostOption: "--ocsp-listen", cause: error)
    }
  }

  func stopResponder() async { await listener.stop() }

  private static func ledger(
    _ acquirer: any Acquirer, _ ring: VaultKeyRing, _ folder: DataFolder, _ clock: ServiceClock, _ logger: Logger,
    _ onFatal: @escaping @Sendable (any Error) -> Void
  ) throws -> Ledger {
    let signer = try folder.key("audit/key.pem")
    let path = folder.ledger
    return Ledger(
      store: { try SQLiteStore(path: path, signer: { try signer.sign($0) }) },
      acquirer: acquirer, clock: LedgerClock(wall: clock.wall, monotonic: clock.monotonic),
      cards: { CardVault(ring: ring) },
      onRefusing: { logger.error("new payments are refused", metadata: ["error": "\($0)"]) }, onFatal: onFatal)
  }

  func methods() -> MethodTable {
    var methods = MethodTable()
    checkout.register(in: &methods)
    enrolment.register(in: &methods)
    admin.register(in: &methods)
    audit.register(in: &methods)
    gateways.register(in: &methods)
    methods.addInLoop(CheckoutMethods.submitPayment) { [payments] loop in PaymentLoop(service: payments, loop: loop) }
    return methods
  }

  /// Certificates, policies and keys are judged by this clock, and times in the journal go back where it does.
  func tellWrongClock(_ clock: ServiceClock, _ logger: Logger) async throws {
    let now = clock.wall()
    guard let last = try await journal.lastHead()?.time, now < last else { return }
    logger.warning(
      "this machine's clock is behind the ledger's last record; set it right",
      metadata: [
        "clock": "\(RFC3339.text(seconds: now / 1_000))", "last-record": "\(RFC3339.text(seconds: last / 1_000))",
      ])
  }

  /// The journal shows each start, so that a gap can be told from a stop.
  func journalStart() async throws {
    let row = EventRow(kind: .serverStarted, time: payments.clock.wall(), text: "process \(payments.process)")
    _ = try await ledger.perform(fromReserve: true) { store in try store.insertEvent(row) }
  }

  /// Paths of calls are found without the database.
  func readCompanies() async throws {
    let known = try await ledger.perform { store in try store.companyCertificates() }
    for (fingerprint, company) in known { companies.insert(fingerprint, company: company) }
  }

  /// The ledger first: it takes the acquirer's last answers.
  func stop() async {
    await vault.rotator.stop()
    ledger.stop()
    await heads.finish()
    if let link = acquirer as? ISO8583Acquirer { await link.stop() }
  }
}
