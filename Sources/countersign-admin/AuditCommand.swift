import ArgumentParser
import Bytes
import CountersignClient
import Cryptography
import Files
import Messages
import ProgramSupport

/// What auditors take with them.
struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "The journal's public key, and exports of the journal.",
    subcommands: [Key.self, Export.self])
}

extension AuditCommand {
  /// Fetches the key that receipts, heads and exports are verified with.
  struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes the public key of the journal, to be published.",
      discussion: """
        Publish the file together with the printed SHA-256, by a way that does not lead through this service: in
        contracts with companies, on the web site. openssl prints the same digest of the file:
          openssl pkey -pubin -in audit.pem -outform DER | sha256sum

        EXAMPLE
          countersign-admin audit key --output audit.pem
        """)

    @Option(help: "File to write.")
    var output: String

    @OptionGroup var connection: AdminConnection

    func run() async throws {
      try await AdminProgram.run {
        try OutputFile.check(output)
        let reply = try await connection.administrator().audit { try await $0.getAuditKey(GetAuditKeyRequest()) }
        let key = try PublicKey(der: reply.publicKey)
        try Files.put(key.pem, at: output, mode: 0o644)
        Console.print("\(output): journal key of \(reply.service), SHA-256 \(Hex.encode(SHA256.digest(key.der).bytes))")
      }
    }
  }
}
