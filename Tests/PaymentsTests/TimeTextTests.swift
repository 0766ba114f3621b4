import Bytes
import Testing

/// Times for people. The seconds are those of `date -u -d @SECONDS`.
@Suite struct TimeTextTests {
  @Test(
    arguments: [
      (0, "1970-01-01 00:00:00.000 UTC"), (1_795_985_501_704, "2026-11-29 20:51:41.704 UTC"),
      (-1, "1969-12-31 23:59:59.999 UTC"), (-1_000, "1969-12-31 23:59:59.000 UTC"),
      (-1_001, "1969-12-31 23:59:58.999 UTC"),
    ] as [(Int64, String)])
  func anInstantIsTheSecondThatItIsIn(_ milliseconds: Int64, _ text: String) {
    #expect(TimeText.instant(milliseconds) == text)
  }
}
