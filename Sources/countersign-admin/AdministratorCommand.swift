import ArgumentParser
import CountersignClient
import Files
import Messages
import ProgramSupport

/// Commands about administrators.
struct AdministratorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "administrator", abstract: "Registers administrators and sets what they may do.",
    subcommands: [Add.self, SetRoles.self, List.self])

  /// What an administrator may do, as it is written on the command line.
  enum RoleName: String, ExpressibleByArgument, CaseIterable {
    case paymentOperator = "operator"
    case auditor
    case securityOfficer = "security-officer"

    var role: AdministratorRole {
      switch self {
      case .paymentOperator: .operator
      case .auditor: .auditor
      case .securityOfficer: .securityOfficer
      }
    }
  }

  /// Registers an administrator.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes an administrator's key and registers the administrator with a certificate for it.",
      discussion: """
        Writes chain.pem and key.pem into --folder, which is what --admin wants. Needs a security officer. What was cut
        off may be repeated: the same command finishes it.

        EXAMPLE
          countersign-admin administrator add "Lee Jun" --role operator --folder /home/lee/countersign-admin
        """)

    @Argument(help: "Name, 1 to 64 bytes of UTF-8, not registered yet.")
    var name: String

    @Option(help: "operator, auditor or security-officer. Can be repeated.")
    var role: [RoleName]

    @Option(help: "Folder for chain.pem and key.pem; made where it does not exist.")
    var folder: String

    @OptionGroup var options: AdminOptions

    func validate() throws { try NameArgument.check(name, "NAME") }

    func run() async throws {
      try await AdminProgram.run(["name": "NAME", "roles": "--role"]) {
        let administrator = try await options.administrator()
        let isNewFolder = try !Files.isThere(folder)
        try Files.makeFolder(folder)
        // Stays where anything is in it.
        defer { if isNewFolder { Files.removeEmptyFolder(folder) } }
        let (key, chain) = ("\(folder)/key.pem", "\(folder)/chain.pem")
        var request = AddAdministratorRequest()
        (request.name, request.roles) = (name, role.map(\.role))
        let asked = try RequestedCertificate(for: name, "administrator", certificate: chain, key: key)
        request.certificateRequest = asked.request
        let reply = try await asked.ask(
          whereTaken: "it has another key or other roles, or is revoked: see countersign-admin administrator list"
        ) { [request] in
          try await administrator.run { try await $0.addAdministrator(request) }
        }
        try asked.finish(chain: reply.chain)
        switch options.output {
        case .text: Console.print("administrator \(reply.administrator) \(name): \(folder)")
        case .json:
          Console.print(
            JSON.object([
              ("administrator", .number(Int64(clamping: reply.administrator))), ("name", .text(name)),
              ("folder", .text(folder)),
            ]))
        }
      }
    }
  }

  /// Gives an administrator other roles.
  struct SetRoles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "roles", abstract: "Gives an administrator these roles in place of the former ones.",
      discussion: """
        EXAMPLE
          countersign-admin administrator roles 2 --role operator --role auditor
        """)

    @Argument(help: "Number of the administrator.", transform: NumberArgument.parse)
    var administrator: UInt64

    @Option(help: "operator, auditor or security-officer. Can be repeated.")
    var role: [RoleName]

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["administrator": "ADMINISTRATOR", "roles": "--role"]) {
        var request = SetAdministratorRolesRequest()
        (request.administrator, request.roles) = (administrator, role.map(\.role))
        _ = try await options.administrator().run { [request] in try await $0.setAdministratorRoles(request) }
        let names = RoleName.allCases.filter(role.contains).map(\.rawValue)
        switch options.output {
        case .text: Console.print("administrator \(administrator): \(names.joined(separator: ", "))")
        case .json:
          Console.print(
            JSON.object([("administrator", .number(Int64(clamping: administrator))), ("roles", .texts(names))]))
        }
      }
    }
  }

  /// Shows all administrators.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists administrators and their roles.",
      discussion: """
        EXAMPLE
          countersign-admin administrator list
        """)

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        let administrator = try await options.administrator()
        var request = ListAdministratorsRequest()
        while true {
          let found = try await administrator.run { [request] in try await $0.listAdministrators(request).administrators
          }
          guard let last = found.last else { return }
          for administrator in found { Self.print(administrator, as: options.output) }
          request.after = last.number
        }
      }
    }

    private static func print(_ administrator: RegisteredAdministrator, as format: OutputFormat) {
      let names = RoleName.allCases.filter { administrator.roles.contains($0.role) }.map(\.rawValue)
      switch format {
      case .text:
        Console.print(
          "administrator \(administrator.number) \(administrator.name)  \(names.joined(separator: ", "))"
            + (administrator.isActive ? "" : "  no certificate that is good"))
      case .json:
        Console.print(
          JSON.object([
            ("administrator", .number(Int64(clamping: administrator.number))), ("name", .text(administrator.name)),
            ("roles", .texts(names)), ("is_active", .truth(administrator.isActive)),
          ]))
      }
    }
  }
}
