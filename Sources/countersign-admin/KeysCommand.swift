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
      is.

      EXAMPLES
        countersign-admin keys rewrap
        countersign-admin keys rotate
        countersign-admin keys status
      """,
    subcommands: [Status.self, Rewrap.self, Rotate.self])

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tells the key in force and how far a rotation is.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await Program.run {
        options.print(try await options.administrator().run { try await $0.getVault(GetVaultRequest()) })
      }
    }
  }

  struct Rewrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a new key-encryption key, wraps all keys under it, and destroys the former one.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await Program.run {
        let reply = try await options.administrator().run { try await $0.rewrapKeys(RewrapKeysRequest()) }
        switch options.output {
        case .text:
          Console.print("\(reply.keys) keys are wrapped under a new key-encryption key; copy DATA/vault again")
        case .json: Console.print(JSON.object([("keys", .number(Int64(reply.keys)))]))
        }
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Seals new cards under a new data key at once, and older ones again while no payment waits.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
      try await Program.run {
        options.print(try await options.administrator().run { try await $0.rotateKeys(RotateKeysRequest()) })
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
        ? "rotating: payment \(state.position) of \(state.last), \(state.cards) cards sealed again"
        : "not rotating; the last rotation sealed \(state.cards) cards again"
      let known = state.knownVersions.map(String.init).joined(separator: ", ")
      Console.print("data key \(state.keyVersion) is in force (at hand: \(known)); \(progress)")
    case .json:
      Console.print(
        JSON.object([
          ("key_version", .number(Int64(state.keyVersion))), ("is_rotating", .number(state.isRotating ? 1 : 0)),
          ("position", .number(Int64(clamping: state.position))), ("last", .number(Int64(clamping: state.last))),
          ("cards", .number(Int64(clamping: state.cards))),
        ]))
    }
  }
}
