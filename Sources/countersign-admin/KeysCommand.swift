import ArgumentParser
import Bytes
import CountersignClient
import Messages
import ProgramSupport

/// Keys of the card vault.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Shows and changes the keys that stored cards are sealed under.",
    discussion: """
      rewrap changes the key-encryption key, which takes no time: only the keys themselves are wrapped anew. rotate
      puts a new data key in force at once and seals older cards again while payments go on; status tells how far it
      is. Both are asked for by one security officer and confirmed by another within 30 minutes.

      EXAMPLES
        countersign-admin keys rewrap
        countersign-admin keys rotate
        countersign-admin keys confirm 4711
        countersign-admin keys status
      """,
    subcommands: [Status.self, Rewrap.self, Rotate.self, ConfirmAct.self])

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tells the keys in force, how far a rotation is, and what waits to be confirmed.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        options.print(try await options.administrator().run { try await $0.getVault(GetVaultRequest()) })
      }
    }
  }

  struct Rewrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Asks for a new key-encryption key: all keys are wrapped under it, and the former one is destroyed.",
      discussion: """
        EXAMPLE
          countersign-admin keys rewrap \\
            --to 'pkcs11:token=vault;object=cards;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so'
        """)

    @Option(
      help: """
        Where the new one shall be: "file", in the server's folder, or the PKCS#11 URI of a private key on P-256 or \
        P-384 that may derive. Default: where the present one is.
        """)
    var to: String = ""

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(["place": "--to"]) {
        var request = RewrapKeysRequest()
        request.place = to
        options.print(try await options.administrator().run { [request] in try await $0.rewrapKeys(request) })
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Asks for a new data key: new cards are sealed under it, older ones again bit by bit.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run {
        options.print(try await options.administrator().run { try await $0.rotateKeys(RotateKeysRequest()) })
      }
    }
  }

  struct ConfirmAct: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "confirm", abstract: "Does what another security officer asked for.",
      discussion: """
        One that was cut off may be confirmed again.

        EXAMPLE
          countersign-admin keys confirm 4711
        """)

    @Argument(help: "Number of the act, as rewrap, rotate and status tell it.", transform: NumberArgument.parse)
    var number: UInt64

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await AdminProgram.run(
        ["number": "NUMBER"], advice: ["OPERATION_OTHER_KIND": "countersign-admin confirm \(number) confirms it"]
      ) {
        var request = ConfirmKeyActRequest()
        request.number = number
        options.print(try await options.administrator().run { [request] in try await $0.confirmKeyAct(request) })
      }
    }
  }
}

extension AdminOptions {
  fileprivate func print(_ state: VaultState) {
    switch output {
    case .text:
      let progress =
        state.isRotating
        ? "rotating: payment \(state.position) of \(state.last), \(counted(state.cards, "card")) sealed again"
        : "not rotating; the last rotation sealed \(counted(state.cards, "card")) again"
      let known = state.knownVersions.map(String.init).joined(separator: ", ")
      Console.print("data key \(state.keyVersion) is in force (at hand: \(known)); \(progress)")
      if !state.waitsFor.isEmpty { Console.print("the rotation waits, and goes on by itself: \(state.waitsFor)") }
      Console.print("key-encryption key: \(state.place)")
      for act in state.waiting { Console.print(act.text) }
    case .json:
      Console.print(
        JSON.object([
          ("key_version", .number(Int64(state.keyVersion))), ("is_rotating", .truth(state.isRotating)),
          ("position", .number(Int64(clamping: state.position))), ("last", .number(Int64(clamping: state.last))),
          ("cards", .number(Int64(clamping: state.cards))), ("place", .text(state.place)),
          ("waits_for", .text(state.waitsFor)), ("waiting", .list(state.waiting.map(\.json))),
        ]))
    }
  }

  fileprivate func print(_ act: KeyAct) {
    switch output {
    case .text: Console.print(act.text)
    case .json: Console.print(act.json)
    }
  }
}

extension KeyAct {
  fileprivate var text: String {
    switch (state, kind) {
    case (.done, .rewrap):
      "\(result) keys are wrapped under a new key-encryption key; copy DATA/vault again"
    case (.done, _):
      "data key \(result) is in force; countersign-admin keys status tells how far older cards are"
    case (.confirmed, _):
      "\(kindName) \(number), confirmed by \(confirmedBy), did not come to its end: confirm it again"
    default:
      "\(kindName) \(number), asked for by \(requestedBy), waits until \(TimeText.instant(Int64(clamping: confirmUntilMs))) for "
        + "another security officer: countersign-admin keys confirm \(number)"
    }
  }

  private var kindName: String { kind == .rewrap ? "rewrap" : "rotate" }

  fileprivate var json: String {
    JSON.object([
      ("operation", .number(Int64(clamping: number))), ("kind", .text(kindName)), ("is_done", .truth(state == .done)),
      ("place", .text(place)), ("requested_by", .text(requestedBy)), ("confirmed_by", .text(confirmedBy)),
      ("confirm_until_ms", .number(Int64(clamping: confirmUntilMs))), ("result", .number(Int64(result))),
    ])
  }
}
