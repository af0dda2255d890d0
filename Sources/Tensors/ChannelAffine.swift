/// A factor and an offset for every channel: `y = scale[c] · x + shift[c]`.
///
/// One set for all samples, or one for each.
public struct ChannelAffine: Sendable, Equatable {
  /// `[groupCount · C]`.
  public let scale: [Float]
  /// `[groupCount · C]`.
  public let shift: [Float]
  /// 1, or the number of samples.
  public let groupCount: Int

  /// Names factors and offsets.
  ///
  /// - Precondition: Both hold the same number, a multiple of `groupCount`.
  public init(scale: [Float], shift: [Float], groupCount: Int = 1) {
    precondition(
      scale.count == shift.count && scale.count % groupCount == 0,
      "\(scale.count) factors and \(shift.count) offsets for \(groupCount) groups")
    self.scale = scale
    self.shift = shift
    self.groupCount = groupCount
  }
}
