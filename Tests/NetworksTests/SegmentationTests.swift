import Foundation
import Networks
import Tensors
import Testing

struct SegmentationTests {
  private let context = ComputeContext()
  private let picture = randomPictures(count: 2, size: 16, seed: 3)

  private func labels(_ count: Int, classCount: Int, seed: UInt64 = 5) -> [UInt8] {
    let random = CounterRandom(seed: seed, stream: 0)
    return (0..<count).map { UInt8(random.uniform(at: UInt64($0)) * Float(classCount)) }
  }

  @Test("width, depth and classes are read from the shapes, and the reference has its parameters")
  func shapes() throws {
    let network = SegmentationUNet(baseChannels: 6, classCount: 7, downCount: 3, seed: 1)
    let read = try SegmentationUNet(state: network.state)
    #expect(read == network)
    #expect(read.baseChannels == 6 && read.downCount == 3 && read.classCount == 7)
    #expect(read.sizeMultiple == 8)
    // 64 channels, 4 halvings, 2 classes: the number that the public code's README and issues name.
    #expect(
      SegmentationUNet(baseChannels: 64, classCount: 2, seed: 1).parameterCount == 31_037_698)
    let names = network.state.tensors.map(\.name)
    for name in [
      "inc.double_conv.0.weight", "down3.maxpool_conv.1.double_conv.4.running_var",
      "up1.up.weight", "up3.conv.double_conv.3.weight", "outc.conv.bias",
    ] {
      #expect(names.contains(name))
    }
    #expect(network.state["up1.up.weight"]?.shape == [48, 24, 2, 2])
  }

  @Test("states of other networks are refused, each with its reason")
  func refusals() throws {
    func expectProblem(_ state: StateDictionary, _ part: String) {
      do {
        _ = try SegmentationUNet(state: state)
        Issue.record("taken without \(part)")
      } catch {
        #expect("\(error)".contains(part), "\(error)")
      }
    }
    let state = SegmentationUNet(baseChannels: 2, classCount: 3, downCount: 2, seed: 1).state
    func without(_ prefix: String) -> StateDictionary {
      StateDictionary(state.tensors.filter { !$0.name.hasPrefix(prefix) })
    }
    expectProblem(UNetGenerator(baseChannels: 2, seed: 1).state, "no segmentation U-Net")
    expectProblem(without("outc"), "no segmentation U-Net")
    expectProblem(without("up1.up."), "bilinear=False")
    expectProblem(without("down"), "0 halvings")
    expectProblem(without("down2.maxpool_conv.1.double_conv.3"), "does not hold this tensor")
    expectProblem(without("down2"), "the shape is [8, 4, 2, 2]")
    // Memory for so many channels would not be there.
    for (shape, part) in [
      ([1 << 16, 1, 3, 3], "[262144, 262144, 3, 3]"),
      ([1 << 56, 3, 0, 3], "[72057594037927936, 3, 3, 3]"),
    ] {
      let wide = state.tensors.map {
        $0.name == "inc.double_conv.0.weight"
          ? NamedTensor($0.name, shape, [Float](repeating: 0, count: shape.reduce(1, *))) : $0
      }
      expectProblem(StateDictionary(wide), part)
    }
    let one = state.tensors.map {
      $0.name.hasPrefix("outc")
        ? NamedTensor($0.name, [1] + $0.shape.dropFirst(), Array(floats($0).prefix($0.count / 3)))
        : $0
    }
    expectProblem(StateDictionary(one), "1 classes")
  }

  @Test("the gradient of the whole network agrees with central differences")
  func gradient() throws {
    let network = SegmentationUNet(baseChannels: 4, classCount: 3, downCount: 2, seed: 7)
    let truth = labels(2 * 16 * 16, classCount: 3)
    let (logits, cache) = network.forward(picture, context: context)
    let slope = Losses.crossEntropy(logits: logits, labels: truth).gradient
    let gradient = network.named(network.backward(slope, cache: cache, context: context))
    func loss(_ state: StateDictionary) throws -> Double {
      let logits = try SegmentationUNet(state: state).forward(picture, context: context).logits
      return Losses.crossEntropy(logits: logits, labels: truth).value
    }
    // Along each tensor's own gradient: the slope there is the gradient's length.
    for tensor in gradient.tensors {
      let direction = floats(tensor)
      let length = direction.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      // A step that changes the loss by 1e-5 either way, whatever the tensor.
      let step = 1e-5 / length
      func moved(_ distance: Double) throws -> StateDictionary {
        try network.state.moved(along: tensor, by: distance / length)
      }
      let slope = (try loss(moved(step)) - loss(moved(-step))) / (2 * step)
      // 512 pixels whose logits are rounded to 1e-7 make the loss uncertain by 1e-8, 0.1 % of the difference;
      // kinks of rectifications and maxima within the step weigh the rest. PyTorch's gradient is the sharp test.
      #expect(abs(slope - length) < 0.02 * length, "\(tensor.name): \(slope) for \(length)")
    }
  }

  @Test("the gradient of maxima goes to the first of the largest, beside an addend")
  func maxima() {
    // Two samples of 4 × 6 pixels and 3 channels, with many ties.
    let random = CounterRandom(seed: 9, stream: 0)
    let input = Tensor(
      shape: [2, 4, 6, 3],
      values: (0..<144).map { Float(Int(random.uniform(at: UInt64($0)) * 3)) })
    let halved = MaximumHalving.forward(input, border: 1, context: context)
    #expect(halved.shape == [2, 4, 5, 3])
    let slope = randomPictures(count: 1, size: 6, channels: 1, seed: 10)
    let gradient = Tensor(shape: [2, 2, 3, 3], values: slope.values)
    let ones = Tensor(shape: input.shape, values: [Float](repeating: 1, count: 144))
    let back = MaximumHalving.backward(gradient, input: input, addend: ones, context: context)
    var expected = ones
    for sample in 0..<2 {
      for y in 0..<2 {
        for x in 0..<3 {
          for channel in 0..<3 {
            func place(_ dy: Int, _ dx: Int) -> Int {
              ((sample * 4 + 2 * y + dy) * 6 + 2 * x + dx) * 3 + channel
            }
            let places = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)]
            let largest = places.map { input.values[$0] }.max() ?? 0
            let bordered = ((sample * 4 + y + 1) * 5 + x + 1) * 3 + channel
            #expect(halved.values[bordered] == largest)
            let first = places.first { input.values[$0] == largest } ?? 0
            expected.values[first] += gradient.values[((sample * 2 + y) * 3 + x) * 3 + channel]
          }
        }
      }
    }
    #expect(back == expected)
    // The first and the last row of each sample are border.
    for row in [0, 3, 4, 7] {
      #expect(halved.values[row * 15..<(row + 1) * 15].allSatisfy { $0 == 0 })
    }
  }

  @Test("pixels without a label change neither loss nor gradient; without any the loss is 0")
  func unlabelled() {
    let logits = randomPictures(count: 1, size: 8, channels: 4, seed: 2)
    var truth = labels(64, classCount: 4)
    for pixel in stride(from: 0, to: 64, by: 3) { truth[pixel] = Losses.unlabelled }
    let loss = Losses.crossEntropy(logits: logits, labels: truth)
    var other = logits
    for pixel in stride(from: 0, to: 64, by: 3) { other.values[pixel * 4] = 1e6 }
    #expect(Losses.crossEntropy(logits: other, labels: truth).value == loss.value)
    for pixel in stride(from: 0, to: 64, by: 3) {
      #expect(loss.gradient.values[pixel * 4..<pixel * 4 + 4].allSatisfy { $0 == 0 })
    }
    let none = Losses.crossEntropy(
      logits: logits, labels: [UInt8](repeating: Losses.unlabelled, count: 64))
    #expect(none.value == 0 && none.gradient.values.allSatisfy { $0 == 0 })
    // Equal logits say nothing: log 4.
    let equal = Losses.crossEntropy(logits: Tensor(zeros: [1, 8, 8, 4]), labels: truth)
    #expect(abs(equal.value - log(4)) < 1e-12)
  }

  private func trainer() -> SegmenterTrainer {
    var options = SegmenterOptions(totalSteps: 10)
    options.classWeights = [1, 2, 0.5]
    return SegmenterTrainer(
      network: SegmentationUNet(baseChannels: 4, classCount: 3, downCount: 2, seed: 1),
      options: options)
  }

  @Test("training and prediction are the same bits on 1, 2 and 4 threads")
  func threads() throws {
    let truth = labels(512, classCount: 3)
    func run(_ threadCount: Int) throws -> (SegmenterTrainer, [Float]) {
      var trainer = trainer()
      let context = ComputeContext(parallelism: Parallelism(threadCount: threadCount))
      for _ in 0..<3 { try trainer.step(input: picture, labels: truth, context: context) }
      let logits = try trainer.network.prepared(context: context).logits(picture, context: context)
      return (trainer, logits.values)
    }
    let single = try run(1)
    for count in [2, 4] {
      let several = try run(count)
      #expect(several.0 == single.0)
      #expect(several.1 == single.1)
    }
  }

  @Test("a run that is saved, read and continued ends in the same bits as one that went through")
  func resume() throws {
    let truth = labels(512, classCount: 3)
    var through = trainer()
    for _ in 0..<6 { try through.step(input: picture, labels: truth, context: context) }
    var first = trainer()
    for _ in 0..<3 { try first.step(input: picture, labels: truth, context: context) }
    let bytes = first.checkpoint(metadata: ["a": "b"]).data()
    let file = try SafetensorsFile(data: bytes, name: "checkpoint")
    #expect(file.metadata["a"] == "b")
    var second = try SegmenterTrainer(checkpoint: file)
    #expect(second == first)
    for _ in 0..<3 { try second.step(input: picture, labels: truth, context: context) }
    #expect(second.checkpoint().data() == through.checkpoint().data())
    #expect(throws: NetworkError.self) {
      try SegmenterTrainer(checkpoint: SafetensorsFile(tensors: [], metadata: [:]))
    }
  }

  @Test(
    "a picture that the halvings do not divide is refused, and a loss that is no number ends a step"
  )
  func unsuitable() throws {
    let network = SegmentationUNet(baseChannels: 2, classCount: 3, downCount: 2, seed: 1)
    #expect(throws: NetworkError.unsuitableSize(height: 18, width: 18, multiple: 4)) {
      try network.prepared(context: context).classes(
        randomPictures(count: 1, size: 18, seed: 1), context: context)
    }
    var trainer = trainer()
    let before = trainer
    var broken = picture
    broken.values[0] = .nan
    #expect(throws: NetworkError.diverged(step: 0)) {
      try trainer.step(input: broken, labels: labels(512, classCount: 3), context: context)
    }
    #expect(trainer == before)
  }

  @Test("where the logits are no finite numbers there are no classes")
  func unusable() throws {
    let state = SegmentationUNet(baseChannels: 2, classCount: 3, downCount: 1, seed: 1).state
    func changed(_ name: String, to value: Float) -> StateDictionary {
      StateDictionary(
        state.tensors.map {
          $0.name == name
            ? NamedTensor($0.name, $0.shape, [Float](repeating: value, count: $0.count)) : $0
        })
    }
    // What cannot be a variance is refused before.
    #expect(throws: NetworkError.self) {
      try SegmentationUNet(state: changed("inc.double_conv.1.running_var", to: -1))
    }
    for name in ["inc.double_conv.1.weight", "outc.conv.weight"] {
      let network = try SegmentationUNet(state: changed(name, to: .greatestFiniteMagnitude))
      #expect(throws: NetworkError.notFinite) {
        try network.prepared(context: context).classes(picture, context: context)
      }
    }
  }

  @Test("beyond its reach nothing changes a pixel's class, wherever the picture begins")
  func reach() throws {
    let network = SegmentationUNet(baseChannels: 4, classCount: 3, downCount: 2, seed: 3)
    #expect(network.reach == 24)
    #expect(SegmentationUNet(baseChannels: 1, classCount: 2, seed: 3).reach == 112)
    let predictor = network.prepared(context: context)
    let whole = randomPictures(count: 1, size: 96, seed: 8)
    let logits = try predictor.logits(whole, context: context)
    // The middle 16 pixels, read with their reach from another corner.
    let (first, size) = (16, 16 + 2 * network.reach)
    var part: [Float] = []
    for row in first..<first + size {
      let start = (row * 96 + first) * 3
      part += whole.values[start..<start + size * 3]
    }
    let cut = try predictor.logits(
      Tensor(shape: [1, size, size, 3], values: part), context: context)
    for row in 0..<16 {
      for column in 0..<16 {
        let here = ((row + network.reach) * size + column + network.reach) * 3
        let there = ((row + first + network.reach) * 96 + column + first + network.reach) * 3
        #expect(cut.values[here..<here + 3] == logits.values[there..<there + 3])
      }
    }
  }
}
