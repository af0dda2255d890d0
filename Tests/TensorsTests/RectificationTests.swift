import Tensors
import Testing

struct RectificationTests {
  private let context = ComputeContext(parallelism: Parallelism(threadCount: 2))

  @Test(
    "maps are scaled, rectified, put side by side and bordered",
    arguments: [(3, 8), (16, 5), (1, 24)])
  func forward(channels: (Int, Int)) {
    let first = normals([2, 4, 5, channels.0], seed: 1)
    let second = normals([2, 4, 5, channels.1], seed: 2)
    let affine = ChannelAffine(
      scale: normals([2 * channels.1], seed: 3).values,
      shift: normals([2 * channels.1], seed: 4).values, groupCount: 2)
    let output = Rectification(slope: 0.2).forward(
      [RectificationInput(first), RectificationInput(second, affine: affine)], border: 1,
      context: context)
    let total = channels.0 + channels.1
    #expect(output.shape == [2, 6, 7, total])
    for sample in 0..<2 {
      for y in 0..<6 {
        for x in 0..<7 {
          for channel in 0..<total {
            let found = output.values[((sample * 6 + y) * 7 + x) * total + channel]
            guard (1...4).contains(y) && (1...5).contains(x) else {
              #expect(found == 0)
              continue
            }
            let pixel = (sample * 4 + y - 1) * 5 + x - 1
            var value: Float
            if channel < channels.0 {
              value = first.values[pixel * channels.0 + channel]
            } else {
              let inner = channel - channels.0
              value = second.values[pixel * channels.1 + inner]
              value =
                value * affine.scale[sample * channels.1 + inner]
                + affine.shift[sample * channels.1 + inner]
            }
            #expect(found == (value > 0 ? value : 0.2 * value))
          }
        }
      }
    }
  }

  @Test(
    "the backward pass is the slope on the negative side, plus what is added", arguments: [8, 3])
  func backward(channels: Int) {
    let input = normals([1, 3, 4, channels], seed: 1)
    let gradient = normals([1, 3, 4, channels], seed: 2)
    let addend = normals([1, 3, 4, channels], seed: 3)
    let rectification = Rectification(slope: 0.2)
    let activated = rectification.forward(
      [RectificationInput(input)], border: 2, context: context)
    let plain = rectification.backward(
      gradient, activated: activated, border: 2, channels: 0..<channels, context: context)
    let sum = rectification.backward(
      gradient, activated: activated, border: 2, channels: 0..<channels, addend: addend,
      context: context)
    for index in input.values.indices {
      let expected = gradient.values[index] * (input.values[index] > 0 ? 1 : 0.2)
      #expect(plain.values[index] == expected)
      #expect(sum.values[index] == addend.values[index] + expected)
    }
    let part = rectification.backward(
      gradient, activated: activated, border: 2, channels: 1..<3, context: context)
    for pixel in 0..<12 {
      for channel in 0..<2 {
        #expect(
          part.values[pixel * 2 + channel] == plain.values[pixel * channels + channel + 1])
      }
    }
  }
}
