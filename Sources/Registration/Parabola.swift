/// The parabola through three neighbouring values.
enum Parabola {
  /// Where it is highest, −½…½ from the middle value; 0 where it is not curved downwards.
  static func vertex(_ before: Float, _ middle: Float, _ after: Float) -> Float {
    let bend = before - 2 * middle + after
    guard bend < 0 else { return 0 }
    return max(-0.5, min(0.5, 0.5 * (before - after) / bend))
  }
}
