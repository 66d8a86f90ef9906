// A stored picture as tiles: those in view are fetched at the level that the zoom needs, and while
// they are under way, coarser ones stand in their place.
// A view is where the doubled picture lies on a canvas, in its pixels: {left, top, scale}.

const RETRY_MS = [1000, 3000, 9000] // then a tile is asked for when it next comes into view
const KEPT = 128 // tiles of one picture, 1 MB each once decoded

class TiledPicture {
  // factor: pixels of the doubled picture for one of this. enlarged: where the tiles of this picture
  // at twice its size lie, if they are to be shown. changed: called when there is more to draw.
  constructor({ tiles, factor, enlarged }, changed) {
    this.address = tiles
    this.factor = factor
    this.enlarged = enlarged
    this.changed = changed
    this.images = new Map() // by address, the one used last at the end
    this.missing = new Map() // tiles that did not come: when they are asked for again, by address
    this.refusal = null
    this.open([...RETRY_MS])
  }

  async open(waits) {
    try {
      const answer = await fetch(this.address)
      this.refusal = answer.ok ? null : await answer.text()
      if (answer.ok) this.about = await answer.json()
    } catch {
      this.refusal = "the dashboard does not answer"
    }
    if (this.refusal && waits.length) setTimeout(() => this.open(waits), waits.shift())
    this.changed()
  }

  get failure() {
    return this.refusal ?? (this.missing.size ? "A part of the picture did not come." : null)
  }

  // Draw what is there, and answer whether that is all. paint: what to draw in place of a tile.
  draw(context, view, paint = (image) => image) {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height)
    if (!this.about) return false
    const perPixel = view.scale * this.factor
    const finest = this.enlarged ? -1 : 0
    const coarsest = this.about.levels - 1
    const level = Math.min(Math.max(Math.floor(-Math.log2(perPixel)), finest), coarsest)
    const wanted = this.inView(context.canvas, view, level)
    const whole = wanted.every((tile) => isThere(this.image(tile.address)))
    const base = this.inView(context.canvas, view, coarsest)
    for (const tile of base) this.image(tile.address)
    this.forget(new Set([...wanted, ...base].map((tile) => tile.address)))
    for (let coarser = whole ? level : coarsest; coarser >= level; coarser--) {
      for (const tile of coarser === level ? wanted : this.inView(context.canvas, view, coarser)) {
        const image = this.images.get(tile.address)
        if (image && isThere(image)) place(context, paint(image), tile)
      }
    }
    return whole
  }

  inView(canvas, view, level) {
    const { width, height, side } = this.about
    const perPixel = view.scale * this.factor * 2 ** level
    const columns = Math.ceil(width / 2 ** level / side)
    const rows = Math.ceil(height / 2 ** level / side)
    const edge = (start, at, length) =>
      Math.round(start + Math.min(at * side * perPixel, length * this.factor * view.scale))
    const first = (start) => Math.max(0, Math.floor(-start / (side * perPixel)))
    const last = (start, end, count) => Math.min(count, Math.ceil((end - start) / (side * perPixel)))
    const tiles = []
    for (let row = first(view.top); row < last(view.top, canvas.height, rows); row++) {
      for (let column = first(view.left); column < last(view.left, canvas.width, columns); column++) {
        const left = edge(view.left, column, width)
        const top = edge(view.top, row, height)
        tiles.push({
          address: level < 0 ? `${this.enlarged}/${column}_${row}` : `${this.address}/${level}/${column}_${row}`,
          left,
          top,
          width: edge(view.left, column + 1, width) - left,
          height: edge(view.top, row + 1, height) - top,
          crisp: perPixel >= 1,
        })
      }
    }
    return tiles
  }

  image(address) {
    const image = this.images.get(address) ?? this.ask(address)
    this.images.delete(address)
    this.images.set(address, image)
    return image
  }

  ask(address) {
    const image = new Image()
    const waits = [...RETRY_MS]
    image.onload = () => {
      this.missing.delete(address)
      this.changed()
    }
    image.onerror = () => {
      const again = waits.length && setTimeout(() => (image.src = address), waits.shift())
      this.missing.set(address, again)
      this.changed()
    }
    image.src = address
    return image
  }

  // What left the view before it came is not waited for.
  forget(wanted) {
    for (const [address, image] of this.images) {
      if (wanted.has(address)) continue
      if (!isThere(image)) {
        image.onload = image.onerror = null
        image.src = ""
        clearTimeout(this.missing.get(address))
        this.missing.delete(address)
      } else if (this.images.size <= KEPT) continue
      this.images.delete(address)
    }
  }
}

function isThere(image) {
  return image.complete && image.naturalWidth > 0
}

function place(context, image, tile) {
  context.imageSmoothingEnabled = !tile.crisp // a pixel is a square as soon as it fills one of the screen's
  context.imageSmoothingQuality = "high"
  context.clearRect(tile.left, tile.top, tile.width, tile.height)
  context.drawImage(image, tile.left, tile.top, tile.width, tile.height)
}
