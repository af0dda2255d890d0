/// The amounts of matter at one pixel; the units are those of ``Scene``.
struct Matter {
  var haematoxylin: Float = 0
  var eosin: Float = 0
  var blood: Float = 0
  var counterstain: Float = 0
  var marker: Float = 0
  var mass: Float = 0

  /// Moves towards other matter by a share in 0…1.
  @inline(__always)
  mutating func blend(_ other: Matter, _ share: Float) { blend(other, share, keepingMarker: 0) }

  /// The same, but of the marker that is here a part stays, laid over what comes.
  @inline(__always)
  mutating func blend(_ other: Matter, _ share: Float, keepingMarker kept: Float) {
    haematoxylin = mix(haematoxylin, other.haematoxylin, share)
    eosin = mix(eosin, other.eosin, share)
    blood = mix(blood, other.blood, share)
    counterstain = mix(counterstain, other.counterstain, share)
    marker = mix(marker, other.marker + kept * marker, share)
    mass = mix(mass, other.mass, share)
  }

  /// Thins everything by a factor.
  @inline(__always)
  mutating func scale(_ factor: Float) {
    haematoxylin *= factor
    eosin *= factor
    blood *= factor
    counterstain *= factor
    marker *= factor
    mass *= factor
  }
}
