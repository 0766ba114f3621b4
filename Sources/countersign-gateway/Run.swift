import ArgumentParser
import CountersignClient
import Gateway
import Glibc
import Logging
import ProgramSupport
import ServiceLifecycle

extension CountersignGateway {
  /// Runs the gateway until SIGTERM or SIGINT.
  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs the gateway until SIGTERM or SIGINT; SIGHUP reads the certificates again.",
      discussion: """
        EXAMPLE
          countersign-gateway run --data /var/lib/countersign-gateway --listen 0.0.0.0 --port 7443 \
            --passphrase-file /etc/countersign/gateway.passphrase
        """)

    @OptionGroup var options: GatewayOptions

    @Option(help: "Address to listen on, default 127.0.0.1. [COUNTERSIGN_LISTEN]")
    var listen: String?

    @Option(help: "TCP port, default 7443; 0 takes any free one. [COUNTERSIGN_PORT]")
    var port: Int?

    @Option(help: "Event loops, default 1 for each two cores. [COUNTERSIGN_EVENT_LOOPS]")
    var eventLoops: Int?

    @Option(help: "Connections to the service of each event loop, default 2. [COUNTERSIGN_UPSTREAM_CONNECTIONS]")
    var upstreamConnections: Int?

    @Option(help: "Open calls of each event loop at the service, default 1024. [COUNTERSIGN_UPSTREAM_CALLS]")
    var upstreamCalls: Int?

    @Option(help: "Open calls of one terminal's connection, default 64. [COUNTERSIGN_TERMINAL_CALLS]")
    var terminalCalls: Int?

    @OptionGroup var handshakes: HandshakeOptions

    @Option(help: "Milliseconds for open calls to finish at the end, default 10000. [COUNTERSIGN_DRAIN]")
    var drain: Int?

    @Option(help: "Log level, default info: \(Settings.logLevels). [COUNTERSIGN_LOG_LEVEL]")
    var logLevel: String?

    func run() async throws {
      try await Program.run {
        let settings = try await Settings(file: options.settings)
        let logger = try logger(settings)
        let folder = try options.folder(settings)
        let passphrase = try options.passphraseSource(settings)
        Hardening.apply()
        let (gateway, port) = try await Gateway.start(try configuration(settings), logger: logger) {
          try folder.identity(passphrase: try passphrase.gatewayPassphrase(), now: Int64(time(nil)) * 1_000)
        }
        let group = ServiceGroup(
          configuration: .init(
            services: [gateway, ReloadOnHangup(announcing: ["listening on port \(port)"]) { await gateway.reload() }],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger))
        try await group.run()
      }
    }

    private func logger(_ settings: Settings) throws -> Logger {
      var logger = Logger(label: "countersign-gateway") { StreamLogHandler.standardError(label: $0) }
      logger.logLevel = try settings.logLevel(logLevel)
      return logger
    }

    private func configuration(_ settings: Settings) throws -> Gateway.Configuration {
      let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
      var configuration = Gateway.Configuration(
        listenHost: settings.text(listen, .listen, default: "127.0.0.1"),
        listenPort: UInt16(try settings.number(port, .port, default: 7_443, in: 0...65_535)),
        eventLoops: try settings.number(eventLoops, .eventLoops, default: max(1, cores / 2), in: 1...64))
      configuration.upstreamConnections = try settings.number(
        upstreamConnections, .upstreamConnections, default: configuration.upstreamConnections, in: 1...64)
      configuration.upstreamCalls = try settings.number(
        upstreamCalls, .upstreamCalls, default: configuration.upstreamCalls, in: 1...65_536)
      configuration.terminalCalls = UInt32(
        try settings.number(
          terminalCalls, .terminalCalls, default: Int(configuration.terminalCalls), in: 16...1_024))
      configuration.handshakes = try handshakes.limits(settings)
      configuration.drainMilliseconds = Int64(try settings.number(drain, .drain, default: 10_000, in: 0...600_000))
      return configuration
    }
  }
}
