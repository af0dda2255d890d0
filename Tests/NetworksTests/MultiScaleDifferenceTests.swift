import Networks
import Tensors
import Testing

struct MultiScaleDifferenceTests {
  private let prediction = randomPictures(count: 2, size: 16, seed: 31)
  private let target = randomPictures(count: 2, size: 16, seed: 32)

  /// The loss by its definition, in double precision.
  private func definition(_ prediction: Tensor, scaleCount: Int) -> Double {
    var total = 0.0
    for scale in 0..<scaleCount {
      let (edge, size) = (1 << scale, 16 >> scale)
      var sum = 0.0
      for sample in 0..<2 {
        for y in 0..<size {
          for x in 0..<size {
            for channel in 0..<3 {
              var mean = 0.0
              for v in 0..<edge {
                for u in 0..<edge {
                  let place =
                    ((sample * 16 + y * edge + v) * 16 + x * edge + u) * 3 + channel
                  mean += Double(prediction.values[place]) - Double(target.values[place])
                }
              }
              sum += abs(mean / Double(edge * edge))
            }
          }
        }
      }
      total += sum / Double(2 * size * size * 3)
    }
    return total / Double(scaleCount)
  }

  @Test("the loss is the mean over squares of 1, 2, 4 and 8 pixels", arguments: [1, 2, 4])
  func value(scaleCount: Int) {
    let loss = MultiScaleDifference(scaleCount: scaleCount)
      .loss(prediction: prediction, target: target)
    // Differences are rounded to single precision: 6e-8 of at most 2.
    #expect(abs(loss.value - definition(prediction, scaleCount: scaleCount)) < 2e-7)
  }

  @Test("one scale is the plain mean absolute difference, bit for bit")
  func single() {
    let loss = MultiScaleDifference(scaleCount: 1)
      .loss(prediction: prediction, target: target, weight: 100)
    let plain = Losses.absoluteDifference(prediction: prediction, target: target, weight: 100)
    #expect(loss.gradient == plain.gradient)
    #expect(loss.value == plain.value)
  }

  @Test("the gradient agrees with central differences")
  func gradient() {
    let loss = MultiScaleDifference.standard.loss(
      prediction: prediction, target: target, weight: 3)
    // Linear between kinks, and small enough to cross few: an exact power of two.
    let step: Float = 0x1p-14
    var misses = 0
    for index in 0..<prediction.count {
      var (above, below) = (prediction, prediction)
      above.values[index] += step
      below.values[index] -= step
      let width = Double(above.values[index]) - Double(below.values[index])
      let slope =
        3 * (definition(above, scaleCount: 4) - definition(below, scaleCount: 4)) / width
      if abs(slope - Double(loss.gradient.values[index])) > 1e-7 { misses += 1 }
    }
    // A kink within the step of one of 2,046 squares changes the slope of its pixels only.
    #expect(misses <= 4)
  }

  @Test("a step of training with several scales pulls colours together")
  func training() {
    func trained(_ isMultiScale: Bool) -> Pix2pixTrainer {
      var options = Pix2pixOptions(totalSteps: 100)
      options.hasMultiScaleL1 = isMultiScale
      var trainer = Pix2pixTrainer(
        generator: UNetGenerator(baseChannels: 2, downCount: 5, seed: 1),
        discriminator: PatchDiscriminator(baseChannels: 2, seed: 2), options: options, seed: 3)
      let input = randomPictures(count: 1, size: 32, seed: 4)
      let first = trainer.step(input: input, target: input, context: ComputeContext())
      var last = first
      for _ in 0..<10 {
        last = trainer.step(input: input, target: input, context: ComputeContext())
      }
      #expect(last.generatorL1 < first.generatorL1)
      return trainer
    }
    #expect(trained(true).generator != trained(false).generator)
  }
}
