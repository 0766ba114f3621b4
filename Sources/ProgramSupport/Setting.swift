/// Every setting of the programs, by the part of its variable's name behind `COUNTERSIGN_`; the tables stand in
/// docs/operations.md. One file may serve several programs.
public enum Setting: String, CaseIterable, Sendable {
  case acquirer
  case acquirerConfig = "acquirer.config"
  case admin
  case data
  case drain
  case eventLoops = "event.loops"
  case gateway
  case handshakes
  case handshakesPerSource = "handshakes.per.source"
  case heads
  case httpsPort = "https.port"
  case listen
  case logLevel = "log.level"
  case ocspConnections = "ocsp.connections"
  case ocspConnectionsPerSource = "ocsp.connections.per.source"
  case ocspListen = "ocsp.listen"
  case ocspPort = "ocsp.port"
  case ocspURL = "ocsp.url"
  case passphraseFile = "passphrase.file"
  case port
  case profile
  case publicHost = "public.host"
  case publicHTTPSPort = "public.https.port"
  case publicPort = "public.port"
  case server
  case terminal
  case terminalCalls = "terminal.calls"
  case upstreamCalls = "upstream.calls"
  case upstreamConnections = "upstream.connections"
  case vaultPINFile = "vault.pin.file"

  /// The option that wins over it.
  var flag: String {
    switch self {
    case .gateway, .terminal: "--data"
    default: "--" + rawValue.replacing(".", with: "-")
    }
  }

  /// Name of the environment variable, which the settings file has as well.
  public var variable: String { "COUNTERSIGN_" + rawValue.replacing(".", with: "_").uppercased() }
}
