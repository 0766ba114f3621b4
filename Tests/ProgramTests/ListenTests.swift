import Foundation
import TestPrograms
import Testing

/// An address or port that cannot be had is named, with what was wrong and which option to change.
@Suite(.serialized) struct ListenTests {
  static let cases: [(options: [String], place: String, words: String)] = [
    (
      ["--listen", "192.0.2.1"], "192.0.2.1 port 0",
      "this machine has no such address; choose one of its own with --listen"
    ),
    (["--listen", "nowhere.invalid"], "nowhere.invalid port 0", "there is no such address or host name"),
    (
      ["--https-port", "USED"], "127.0.0.1 port USED",
      "the port is in use; stop what listens there, or choose another one with --https-port"
    ),
    (
      ["--ocsp-port", "USED"], "127.0.0.1 port USED",
      "the port is in use; stop what listens there, or choose another one with --ocsp-port"
    ),
    (
      ["--ocsp-port", "0", "--ocsp-listen", "192.0.2.1"], "192.0.2.1 port 0",
      "this machine has no such address; choose one of its own with --ocsp-listen"
    ),
  ]

  @Test(arguments: cases.indices)
  func whatTheServerCannotListenOnIsNamed(_ index: Int) throws {
    let (options, place, words) = Self.cases[index]
    let used = "\(try Desk.shared.get().server.port)"
    let server = try ServerProcess()
    defer { server.end() }
    let run = try Program.run(
      "countersign-server",
      ["run", "--data", "\(server.root)/server", "--acquirer", "simulator", "--port", "0"]
        + options.map { $0.replacing("USED", with: used) })
    #expect(run.status == 78, "\(run)")
    let error = "error: cannot listen on \(place.replacing("USED", with: used)): \(words)"
    #expect(run.errors.contains(error) && !run.errors.contains("descriptor"), "\(run)")
  }

  @Test func aPortThatIsInUseIsNamedByServerAndGateway() throws {
    let gateway = try GatewayProcess()
    let used = "\(gateway.server.port)"
    let server = try ServerProcess()
    defer { server.end() }
    for (program, arguments) in [
      ("countersign-server", ["run", "--data", "\(server.root)/server", "--acquirer", "simulator"]),
      ("countersign-gateway", ["run"] + gateway.options),
    ] {
      let run = try Program.run(program, arguments + ["--port", used])
      #expect(run.status == 78, "\(run)")
      #expect(run.errors.contains("error: cannot listen on 127.0.0.1 port \(used): the port is in use; "), "\(run)")
      #expect(run.errors.contains("choose another one with --port\n"), "\(run)")
    }
  }

  /// Only a machine where ports below 1024 are for root shows it, to somebody else than root.
  @Test(.enabled(if: geteuid() == 0 && ListenTests.hasRestrictedPorts))
  func aPortOfRootsIsNotPermitted() throws {
    let server = try ServerProcess()
    defer { server.end() }
    let run = try Program.shell(
      """
      chown -R 65534 '\(server.root)' && setpriv --reuid 65534 --clear-groups --bounding-set=-net_bind_service \
        '\(Program.folder.path)/countersign-server' run --data '\(server.root)/server' --acquirer simulator --port 443
      """)
    #expect(run.status == 78 && run.errors.contains("port 443: not permitted: ports below 1024 are for root"), "\(run)")
  }

  static var hasRestrictedPorts: Bool {
    let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding: .utf8)
    return text.flatMap { Int($0.trimmingCharacters(in: .newlines)) } ?? 1_024 > 443
  }
}
