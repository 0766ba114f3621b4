import AcquirerISO8583
import ArgumentParser
import CheckoutService
import Cryptography
import Glibc
import Logging
import OCSP
import ProgramSupport
import ServiceLifecycle

extension CountersignServer {
  /// Runs the service until SIGTERM or SIGINT; SIGHUP reads the TLS certificate again.
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs the service until SIGTERM or SIGINT; SIGHUP reads the TLS certificate again.",
      discussion: """
        EXAMPLE
          countersign-server run --data /var/lib/countersign --listen 0.0.0.0 --port 7443 --public-host pay.example \
            --acquirer simulator
        """)

    @Option(help: "Folder that init made. [COUNTERSIGN_DATA]")
    var data: String?

    @Option(help: "File with settings, one NAME=value a line.")
    var settings: String?

    @Option(help: "Address to listen on, default 127.0.0.1. [COUNTERSIGN_LISTEN]")
    var listen: String?

    @Option(help: "TCP port, default 7443; 0 takes any free one. [COUNTERSIGN_PORT]")
    var port: Int?

    @Option(help: "Host that terminals are sent to, default the address listened on. [COUNTERSIGN_PUBLIC_HOST]")
    var publicHost: String?

    @Option(help: "Port that terminals are sent to, default the port listened on. [COUNTERSIGN_PUBLIC_PORT]")
    var publicPort: Int?

    @Option(
      help: """
        TCP port of the HTTPS service that terminals and gateways fetch programs from; 0 takes any free one. Default: \
        there is none. [COUNTERSIGN_HTTPS_PORT]
        """)
    var httpsPort: Int?

    @Option(
      help: "HTTPS port that terminals are sent to, default the port listened on. [COUNTERSIGN_PUBLIC_HTTPS_PORT]")
    var publicHttpsPort: Int?

    @Option(help: "Number of the profile; raise it with each change of host or port, default 1. [COUNTERSIGN_PROFILE]")
    var profile: Int?

    @Option(
      help: "Acquirer to charge at: iso8583, or simulator, which charges nobody. Must be named. [COUNTERSIGN_ACQUIRER]")
    var acquirer: String?

    @Option(help: "Configuration of the ISO 8583 link, see docs/iso8583.md. [COUNTERSIGN_ACQUIRER_CONFIG]")
    var acquirerConfig: String?

    @Option(help: "Event loops, default 1 for each two cores. [COUNTERSIGN_EVENT_LOOPS]")
    var eventLoops: Int?

    @Option(help: "Milliseconds for open calls to finish at the end, default 10000. [COUNTERSIGN_DRAIN]")
    var drain: Int?

    @Option(help: "TCP port of the OCSP responder, off by default; 0 takes any free one. [COUNTERSIGN_OCSP_PORT]")
    var ocspPort: Int?

    @Option(help: "Address that the OCSP responder listens on, default that of --listen. [COUNTERSIGN_OCSP_LISTEN]")
    var ocspListen: String?

    @Option(help: "Public http:// address of the OCSP responder, for new certificates. [COUNTERSIGN_OCSP_URL]")
    var ocspUrl: String?

    @Option(help: "Connections to the OCSP responder at once, default 512. [COUNTERSIGN_OCSP_CONNECTIONS]")
    var ocspConnections: Int?

    @Option(
      help: "The same of one address, default a quarter of them. [COUNTERSIGN_OCSP_CONNECTIONS_PER_SOURCE]")
    var ocspConnectionsPerSource: Int?

    @Option(
      help: """
        Folder that the journal's signed heads are kept in, best on another machine's disk; default DATA/heads. \
        [COUNTERSIGN_HEADS]
        """)
    var heads: String?

    @Option(help: "Log level, default info: \(Settings.logLevels). [COUNTERSIGN_LOG_LEVEL]")
    var logLevel: String?

    @OptionGroup var handshakes: HandshakeOptions

    @OptionGroup var vault: VaultOptions

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: settings)
        var logger = Logger(label: "countersign-server") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = try settings.logLevel(logLevel)
        let folder = try DataFolder(data, settings)
        // Before the first secret is read, and with the file descriptors that limits are derived from.
        Hardening.apply()
        let configuration = try configuration(settings)
        let log = logger
        let (server, port) = try await CheckoutServer.start(
          configuration, folder: folder, logger: log,
          onFatal: { error in
            log.critical("the ledger cannot go on; the next start recovers", metadata: ["error": "\(error)"])
            abort()
          })
        let lines = [
          server.network.map { "programs on HTTPS port \($0.port)" },
          server.ocspPort.map { "answering OCSP on port \($0)" },
          "listening on port \(port)",
        ]
        var services: [any Service] = [
          server, ReloadOnHangup(announcing: lines.compactMap { $0 }) { server.reload() },
        ]
        if let network = server.network { services.append(network) }
        let group = ServiceGroup(
          configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
      }
    }

    /// A service must never take real orders to the simulator by mistake.
    private func acquirer(_ settings: Settings) throws -> CheckoutServer.AcquirerChoice {
      let names = Acquirer.allCases.map(\.rawValue).joined(separator: " or ")
      switch try settings.value(acquirer, .acquirer, "must be \(names)", Acquirer.init(rawValue:)) {
      case .simulator: return .simulator(.init())
      case .iso8583:
        guard let config = settings.text(acquirerConfig, .acquirerConfig) else {
          throw ProgramError(.usage, "--acquirer-config is needed: the configuration of the ISO 8583 link")
        }
        return .iso8583(try Dialect(path: config))
      case nil:
        throw ProgramError(.usage, "--acquirer is needed: iso8583, or simulator, which charges nobody")
      }
    }

    private enum Acquirer: String, CaseIterable { case iso8583, simulator }

    private func configuration(_ settings: Settings) throws -> CheckoutServer.Configuration {
      let listen = settings.text(listen, .listen, default: "127.0.0.1")
      let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
      var configuration = CheckoutServer.Configuration(
        listenHost: listen, listenPort: UInt16(try settings.number(port, .port, default: 7_443, in: 0...65_535)),
        publicHost: try settings.value(publicHost, .publicHost, "must be a host name or an IP address", Self.host)
          ?? listen,
        publicPort: UInt16(try settings.optionalNumber(publicPort, .publicPort, in: 1...65_535) ?? 0),
        profileNumber: UInt64(try settings.number(profile, .profile, default: 1, in: 1...Int.max)),
        eventLoops: try settings.number(eventLoops, .eventLoops, default: max(1, cores / 2), in: 1...64),
        drainMilliseconds: Int64(try settings.number(drain, .drain, default: 10_000, in: 0...600_000)),
        ocspPort: try settings.optionalNumber(ocspPort, .ocspPort, in: 0...65_535).map { UInt16($0) },
        ocspHost: settings.text(ocspListen, .ocspListen, default: listen),
        ocspAddress: try settings.value(ocspUrl, .ocspURL, "must be http://HOST[:PORT][/PATH]", OCSPAddress.init),
        acquirer: try acquirer(settings))
      configuration.vaultPIN = try vault.pin(settings)
      configuration.handshakes = try handshakes.limits(settings)
      configuration.ocspLimits = try ocspLimits(settings)
      configuration.headsFolder = settings.text(heads, .heads)
      if let port = try settings.optionalNumber(httpsPort, .httpsPort, in: 0...65_535) {
        configuration.network = .init(
          listenPort: UInt16(port),
          publicPort: UInt16(try settings.optionalNumber(publicHttpsPort, .publicHTTPSPort, in: 1...65_535) ?? 0))
      }
      return configuration
    }

    private static func host(_ text: String) -> String? {
      HostName.isHost(text) ? text : nil
    }

    private func ocspLimits(_ settings: Settings) throws -> OCSPListener.Limits {
      let limits = OCSPListener.Limits(
        most: try settings.number(
          ocspConnections, .ocspConnections, default: OCSPListener.Limits().most, in: 1...65_536))
      return OCSPListener.Limits(
        most: limits.most,
        mostOfSource: try settings.number(
          ocspConnectionsPerSource, .ocspConnectionsPerSource, default: limits.mostOfSource, in: 1...limits.most))
    }
  }
}
