import Bundles
import Bytes

/// The page for people who install a program for the first time.
///
/// Everything that is put into it is of letters, digits, dots and hyphens (names of a service and of hosts, versions,
/// platforms), or is escaped.
struct Page {
  let service: ServedService
  let port: UInt16
  let entries: [Catalogue.Entry]

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"><title>Countersign: programs of \(name)</title></head>
    <body>
    <h1>Programs of \(name)</h1>
    \(entries.isEmpty ? "<p>No program is offered here at present.</p>" : table)
    <h2>Install</h2>
    <p>Get <code>root.pem</code>, the service's root certificate, and a one-time token from your company's
    administrator, never from this page. The root's SHA-256 must be</p>
    <pre>\(Hex.encode(service.root.bytes))</pre>
    <p>Then, with a program's name from above as <code>NAME</code>:</p>
    <pre>openssl x509 -in root.pem -noout -fingerprint -sha256
    for file in NAME NAME.sig NAME.pem; do curl --cacert root.pem -fO https://\(host):\(port)/$file; done
    openssl verify -CAfile root.pem -untrusted NAME.pem NAME.pem
    openssl x509 -in NAME.pem -noout -pubkey &gt; key.pem
    openssl dgst -sha256 -verify key.pem -signature NAME.sig NAME
    install -m 755 NAME /usr/local/bin/countersign-terminal
    countersign-terminal enrol \(enrolment) TOKEN</pre>
    <p>Go on only where <code>openssl</code> says <code>OK</code> and <code>Verified OK</code>. A gateway is installed
    as <code>countersign-gateway</code> and set up with <code>countersign-gateway init \(enrolment) TOKEN</code>.</p>
    <h2>Update</h2>
    <pre>countersign-terminal update
    countersign-gateway update --data FOLDER</pre>
    <p>The program finds this service by itself, checks signature, version and SHA-256, and keeps the former one
    beside the new.</p>
    </body>
    </html>

    """
  }

  private var table: String {
    let rows = entries.map { entry in
      let name = entry.bundle.name
      return """
        <tr><td><a href="/\(name.file)">\(name.file)</a></td><td>\(name.version)</td><td>\(entry.bundle.size)</td>
        <td><code>\(Hex.encode(entry.bundle.digest.bytes))</code></td>
        <td><a href="/\(name.signature)">signature</a> <a href="/\(name.chain)">certificates</a></td></tr>
        """
    }
    return """
      <table>
      <tr><th>program</th><th>version</th><th>bytes</th><th>SHA-256</th><th></th></tr>
      \(rows.joined(separator: "\n"))
      </table>
      <p>For programs: <a href="/manifest.json">manifest.json</a></p>
      """
  }

  private var name: String { Self.escaped(service.name) }
  private var host: String { Self.escaped(service.host) }
  private var enrolment: String { Self.escaped(service.enrolment) }

  private static func escaped(_ text: String) -> String {
    text.reduce(into: "") { escaped, character in
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
  }
}

/// The same for programs. Not signed: who installs by it checks the signature, as `update` does.
struct Manifest {
  let service: ServedService
  let entries: [Catalogue.Entry]

  var json: String {
    let programs = entries.map { entry in
      let name = entry.bundle.name
      return JSON.object([
        ("program", .text(name.program.rawValue)), ("version", .text("\(name.version)")),
        ("platform", .text("\(name.platform)")), ("size", .number(Int64(entry.bundle.size))),
        ("sha256", .text(Hex.encode(entry.bundle.digest.bytes))), ("path", .text("/\(name.file)")),
        ("signature", .text("/\(name.signature)")), ("certificates", .text("/\(name.chain)")),
        ("description", .text("/\(name.description)")), ("signed_at_ms", .number(entry.bundle.signedAt)),
      ])
    }
    return JSON.object([
      ("service", .text(service.name)), ("root_sha256", .text(Hex.encode(service.root.bytes))),
      ("programs", .list(programs)),
    ]) + "\n"
  }
}
