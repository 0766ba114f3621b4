import Payments
import Testing

@Suite struct CurrenciesTests {
  @Test(arguments: [
    ("KRW", 0), ("JPY", 0), ("ISK", 0), ("VND", 0), ("XPF", 0), ("USD", 2), ("EUR", 2), ("ZWG", 2), ("HUF", 2),
    ("AED", 2),
    ("BHD", 3), ("KWD", 3), ("TND", 3), ("JOD", 3), ("OMR", 3),
  ])
  func aCurrencyHasTheMinorUnitsOfISO4217(code: String, digits: Int) throws {
    let currency = try #require(Currency(code.utf8))
    #expect(Currencies.minorUnits(of: currency) == digits)
  }

  /// Funds, metals, test codes and what is no longer legal tender.
  @Test(arguments: [
    "XXX", "XTS", "XAU", "XAG", "XDR", "CHE", "CLF", "USN", "UYI", "DEM", "ZWL", "SLL", "HRK", "BGN", "ANG",
  ])
  func whatNoCardIsChargedInIsUnknown(code: String) throws {
    let currency = try #require(Currency(code.utf8))
    #expect(Currencies.minorUnits(of: currency) == nil)
  }

  @Test func eachCurrencyIsThereOnceInOrder() {
    let codes = Currencies.all.map(\.text)
    #expect(codes == Set(codes).sorted())
    #expect(codes.count > 150)
  }

  @Test func aCurrencyIsItsLettersAgain() throws {
    for currency in Currencies.all {
      #expect(Currency(currency.text.utf8) == currency)
      #expect(Currency(stored: currency.value) == currency)
    }
  }
}
