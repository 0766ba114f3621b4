import ArgumentParser
import Bytes
import CheckoutService
import Glibc
import ProgramSupport

extension CountersignServer {
  /// Makes a new service.
  struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes root, issuing, TLS, sealing and administrator's certificates, keys and the ledger.",
      discussion: """
        EXAMPLE
          countersign-server init --data /var/lib/countersign --name pay.example --host pay.example --host 192.0.2.7

        Afterwards move authority/root.key to a safe place: the running service does not need it.
        """)

    @Option(help: "Folder to make.")
    var data: String

    @Option(
      help: "Name of the service, 1 to 56 of a-z, 0-9, '.' and '-'. It is part of every key and cannot be changed.")
    var name: String = "countersign.local"

    @Option(
      name: .customLong("host"),
      help: "Name or address in the TLS certificate; may be repeated, the first is the main one.")
    var hosts: [String] = ["localhost"]

    @Option(help: "Name of the first administrator.")
    var administrator: String = "first administrator"

    @Option(
      help: """
        Where the key-encryption key of stored cards is: "file", in the folder; or the PKCS#11 URI of a private key on \
        P-256 or P-384 that may derive, for example \
        "pkcs11:token=vault;object=cards;type=private?module-path=/usr/lib/softhsm/libsofthsm2.so".
        """)
    var vaultKey: String = "file"

    @OptionGroup var vault: VaultOptions

    func run() async throws {
      try await Program.run {
        var plan = Setup.Plan(serviceName: name, dnsNames: hosts, administrator: administrator)
        plan.vaultKey = vaultKey
        plan.vaultPIN = try vault.pin(try await Settings(file: nil))
        let root = try Setup.make(plan, in: DataFolder(data), now: Int64(time(nil)))
        Console.print("service \(name) made in \(data)")
        Console.print("root fingerprint (SHA-256): \(Hex.encode(root.fingerprint.bytes))")
        Console.print("administrator: \(data)/admin/chain.pem and \(data)/admin/key.pem")
        Console.print("next: countersign-server run --data \(data) --acquirer simulator (charges nobody) or iso8583")
      }
    }
  }
}
