extension DiffusionConfiguration {
  /// Reads a network's form from the names and shapes of its parameters.
  ///
  /// Groups of normalisations and channels of a head leave no trace in shapes.
  ///
  /// - Parameters:
  ///   - shapes: By name, without prefix; other tensors than the network's are refused.
  ///   - groupCount: Groups of every normalisation.
  ///   - headChannels: Channels of an attention head.
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)`` when the names are not those of a diffusion
  ///   U-Net, ``NetworkError/missingTensor(name:)`` or ``NetworkError/wrongShape(name:expected:found:)`` when
  ///   one tensor does not fit.
  public init(
    shapes: [String: [Int]], groupCount: Int = 32, headChannels: Int = 64
  ) throws(NetworkError) {
    func rows(_ name: String) throws(NetworkError) -> Int {
      guard let shape = shapes[name] else { throw .missingTensor(name: name) }
      // Wider than any network; keeps all that follows small.
      guard let first = shape.first, (1...65_536).contains(first) else {
        throw .unknownArchitecture(problem: "a diffusion network with \(name) of shape \(shape)")
      }
      return first
    }
    guard shapes["input_blocks.0.0.weight"] != nil, shapes["time_embed.0.weight"] != nil else {
      throw .unknownArchitecture(problem: "no diffusion U-Net, its first layers are absent")
    }
    let base = try rows("time_embed.0.weight") / 4
    guard base > 0, let inputs = shapes["input_blocks.0.0.weight"]?.dropFirst().first,
      inputs == 3 || inputs == 6
    else { throw .unknownArchitecture(problem: "a diffusion network that takes no RGB") }
    let hasScaleShift =
      try rows("middle_block.0.emb_layers.1.weight")
      == 2 * rows("middle_block.0.out_layers.3.weight")
    var count = 0
    while count < 256, shapes["output_blocks.\(count).0.in_layers.0.weight"] != nil { count += 1 }
    func isLast(_ block: Int) -> Bool {
      [1, 2].contains { place in
        shapes["output_blocks.\(block).\(place).in_layers.2.weight"] != nil
          || shapes["output_blocks.\(block).\(place).conv.weight"] != nil
      }
    }
    // The last block of a size doubles it; with a single size none does.
    let blocks = (0..<count).first(where: isLast) ?? count - 1
    guard blocks > 0, count % (blocks + 1) == 0 else {
      throw .unknownArchitecture(problem: "a diffusion network with \(count) blocks on its way up")
    }
    var multipliers: [Int] = []
    var factors: [Int] = []
    let levels = count / (blocks + 1)
    guard levels <= 16 else {
      throw .unknownArchitecture(problem: "a diffusion network of \(levels) sizes")
    }
    for level in 0..<levels {
      let block = (levels - 1 - level) * (blocks + 1)
      multipliers.append(try rows("output_blocks.\(block).0.out_layers.3.weight") / base)
      if shapes["output_blocks.\(block).1.norm.weight"] != nil { factors.append(1 << level) }
    }
    self.init(
      baseChannels: base, multipliers: multipliers, residualBlocks: blocks,
      attentionFactors: factors, headChannels: headChannels, hasScaleShift: hasScaleShift,
      hasResidualResampling: shapes["input_blocks.\(blocks + 1).0.op.weight"] == nil,
      isConditional: inputs == 6, groupCount: groupCount)
    if let problem { throw .unknownArchitecture(problem: problem) }
    try check(shapes)
  }

  /// Compares the names and shapes of a state's tensors with those that this form has.
  ///
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)``, ``NetworkError/missingTensor(name:)`` or
  ///   ``NetworkError/wrongShape(name:expected:found:)``.
  public func check(_ state: StateDictionary) throws(NetworkError) {
    if let problem { throw .unknownArchitecture(problem: problem) }
    try check(state.byName.mapValues(\.shape))
  }

  /// Compares names and shapes with those that this form has.
  private func check(_ shapes: [String: [Int]]) throws(NetworkError) {
    let expected = parameterShapes
    for (name, shape) in expected {
      guard let found = shapes[name] else { throw .missingTensor(name: name) }
      guard found == shape else { throw .wrongShape(name: name, expected: shape, found: found) }
    }
    let known = Set(expected.map(\.name))
    if let other = shapes.keys.filter({ !known.contains($0) }).min() {
      throw .unknownArchitecture(
        problem: "a network with \(printable(other)), which a diffusion U-Net does not have")
    }
  }
}
