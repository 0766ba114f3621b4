/// Currencies of ISO 4217 (table of 2026-01-01) in which cards are charged: without funds, metals and test codes.
public enum Currencies {
  /// Digits behind the decimal point of the major unit, or nil where the code does not exist.
  public static func minorUnits(of currency: Currency) -> Int? {
    let digits = table[index(of: currency)]
    return digits == absent ? nil : Int(digits)
  }

  /// All codes, in order.
  public static var all: [Currency] {
    codesByMinorUnits.flatMap { codes(in: $0.codes) }.sorted { $0.value < $1.value }
  }

  private static let absent: UInt8 = .max

  private static let codesByMinorUnits: [(digits: UInt8, codes: StaticString)] = [
    (0, "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXVNDVUVXAFXOFXPF"),
    (
      2,
      """
      AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCNYCOPCRCCUPCVECZKDKKDOPDZDEGPERNETB\
      EURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHTGHUFIDRILSINRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRDLSLMADMDLMGAMKDMMKMNT\
      MOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTN\
      SVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUYUUZSVEDVESWSTXADXCDXCGYERZARZMWZWG
      """
    ),
    (3, "BHDIQDJODKWDLYDOMRTND"),
  ]

  /// One byte for each of the 26 x 26 x 26 codes, so that a payment costs one load.
  private static let table: [UInt8] = {
    var table = [UInt8](repeating: absent, count: 26 * 26 * 26)
    for entry in codesByMinorUnits {
      for currency in codes(in: entry.codes) { table[index(of: currency)] = entry.digits }
    }
    return table
  }()

  private static func codes(in text: StaticString) -> [Currency] {
    text.withUTF8Buffer { letters in
      stride(from: 0, to: letters.count, by: 3).compactMap { Currency(letters[$0..<$0 + 3]) }
    }
  }

  /// Below 26 x 26 x 26, since a ``Currency`` is three upper-case letters.
  private static func index(of currency: Currency) -> Int {
    let letter = { (shift: UInt32) in Int(currency.value >> shift & 0xFF) - Int(UInt8(ascii: "A")) }
    return (letter(16) * 26 + letter(8)) * 26 + letter(0)
  }
}
