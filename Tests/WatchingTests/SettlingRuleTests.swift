import Testing
import Watching

private func signature(
  _ bytes: Int64, time: Int64 = 0, files: Int = 1
)
  -> SlideSighting.Signature
{
  SlideSighting.Signature(byteCount: bytes, modifiedNanoseconds: time, fileCount: files)
}

@Suite("Settling")
struct SettlingRuleTests {
  @Test("a slide that has not changed for the quiet time is opened once, then taken")
  func settles() {
    var rule = SettlingRule(signature: signature(5), now: 0)
    #expect(rule.deadline(quiet: 60) == 60)
    #expect(rule.observed(signature(5), now: 59.9, quiet: 60) == .none)
    #expect(rule.observed(signature(5), now: 60, quiet: 60) == .open)
    #expect(rule.observed(signature(5), now: 70, quiet: 60) == .none)
    #expect(!rule.isReady && rule.isUnderWay)
    #expect(rule.opened(reason: nil, signature: signature(5), now: 71, attempts: 3) == .take)
    #expect(rule.isReady && !rule.isUnderWay)
  }

  @Test("a growing slide never starts, however long it grows")
  func grows() {
    var rule = SettlingRule(signature: signature(0), now: 0)
    for second in stride(from: 10.0, to: 10_000, by: 10) {
      #expect(rule.observed(signature(Int64(second)), now: second, quiet: 60) == .none)
    }
  }

  @Test(
    "a change of size, of time, or of the count of files starts the quiet time again",
    arguments: [signature(6), signature(5, time: 1), signature(5, files: 2)])
  func changes(changed: SlideSighting.Signature) {
    var rule = SettlingRule(signature: signature(5), now: 0)
    #expect(rule.observed(changed, now: 59, quiet: 60) == .none)
    #expect(rule.observed(changed, now: 60, quiet: 60) == .none)
    #expect(rule.observed(changed, now: 119, quiet: 60) == .open)
  }

  @Test("a slide that does not open is tried again after the quiet time, then given up")
  func doesNotOpen() {
    var rule = SettlingRule(signature: signature(5), now: 0)
    for attempt in 1...2 {
      let now = Double(attempt) * 60
      #expect(rule.observed(signature(5), now: now, quiet: 60) == .open)
      #expect(rule.opened(reason: "no", signature: signature(5), now: now, attempts: 3) == .none)
    }
    #expect(rule.observed(signature(5), now: 180, quiet: 60) == .open)
    #expect(
      rule.opened(reason: "no", signature: signature(5), now: 180, attempts: 3)
        == .giveUp(reason: "no"))
    #expect(rule.observed(signature(5), now: 900, quiet: 60) == .none)
    // A new content is a new chance.
    #expect(rule.observed(signature(6), now: 901, quiet: 60) == .none)
    #expect(rule.observed(signature(6), now: 961, quiet: 60) == .open)
  }

  @Test("an answer about files that have changed since counts for nothing")
  func lateAnswer() {
    var rule = SettlingRule(signature: signature(5), now: 0)
    #expect(rule.observed(signature(5), now: 60, quiet: 60) == .open)
    #expect(rule.observed(signature(6), now: 61, quiet: 60) == .none)
    #expect(rule.opened(reason: nil, signature: signature(5), now: 62, attempts: 3) == .none)
    #expect(!rule.isReady)
  }
}
