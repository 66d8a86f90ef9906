// The members' spread in colours: a heat map, or a cover over what they disagree on.

const RAMP = [
  // from agreement to the most disagreement: red, green, blue, opacity
  [40, 10, 90, 0],
  [90, 20, 130, 0.6],
  [190, 55, 120, 0.75],
  [250, 140, 95, 0.85],
  [252, 250, 190, 0.95],
]
const HOTTEST = 0.999 // share of the pixels below the heat map's end
const GUESSED = 0.05 // share of the pixels that are hidden at first
const COVER = [[104, 104, 112], [136, 136, 144]] // squares of two greys: no picture looks like it
const SQUARE = 3 // a square has sides of 2 ** SQUARE pixels

class Spread {
  // steps: how many of the stored values make a grey level.
  constructor(data, changed) {
    this.picture = new TiledPicture({ tiles: data.tiles, factor: 1 }, changed)
    this.steps = data.steps
    this.painted = new WeakMap()
  }

  get known() {
    return Boolean(this.picture.about?.histogram)
  }

  // The least value with at most this share of the pixels above it.
  quantile(share) {
    const { histogram } = this.picture.about
    const total = histogram.reduce((sum, count) => sum + count, 0)
    let above = total
    for (let value = 0; value < histogram.length; value++) {
      above -= histogram[value]
      if (above <= (1 - share) * total) return value
    }
    return histogram.length - 1
  }

  get hottest() {
    return Math.max(1, this.quantile(HOTTEST))
  }

  get firstThreshold() {
    return Math.max(1, this.quantile(1 - GUESSED))
  }

  shareAbove(threshold) {
    const { histogram } = this.picture.about
    const total = histogram.reduce((sum, count) => sum + count, 0)
    return histogram.slice(threshold + 1).reduce((sum, count) => sum + count, 0) / total
  }

  greyLevels(value) {
    return (value / this.steps).toFixed(2)
  }

  draw(context, view, mode, threshold) {
    const key = `${mode} ${threshold}`
    if (this.key !== key) {
      this.key = key
      this.colours = mode === "heat" ? [this.heat(), this.heat()] : COVER.map((it) => hiding(threshold, it))
    }
    return this.picture.draw(context, view, (image) => this.paint(image))
  }

  paint(image) {
    const known = this.painted.get(image)
    if (known?.key === this.key) return known.canvas
    const canvas = known?.canvas ?? document.createElement("canvas")
    canvas.width = image.naturalWidth
    canvas.height = image.naturalHeight
    const context = canvas.getContext("2d", { willReadFrequently: true })
    context.drawImage(image, 0, 0)
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height)
    const words = new Uint32Array(pixels.data.buffer)
    for (let at = 0, row = 0; row < canvas.height; row++) {
      for (let column = 0; column < canvas.width; column++, at++) {
        words[at] = this.colours[((row >> SQUARE) ^ (column >> SQUARE)) & 1][words[at] & 255]
      }
    }
    context.putImageData(pixels, 0, 0)
    this.painted.set(image, { key: this.key, canvas })
    return canvas
  }

  heat() {
    return Uint32Array.from({ length: 256 }, (_, value) => {
      const at = Math.min(value / this.hottest, 1) * (RAMP.length - 1)
      const lower = Math.min(Math.floor(at), RAMP.length - 2)
      const mixed = RAMP[lower].map((part, i) => part + (RAMP[lower + 1][i] - part) * (at - lower))
      return word(...mixed)
    })
  }
}

function hiding(threshold, colour) {
  return Uint32Array.from({ length: 256 }, (_, value) => (value > threshold ? word(...colour, 1) : 0))
}

// As a canvas has its pixels in memory.
function word(red, green, blue, opacity) {
  return ((Math.round(255 * opacity) << 24) | (blue << 16) | (green << 8) | red) >>> 0
}
