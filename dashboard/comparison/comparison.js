// One comparison: a divider between two pictures of the same thing, and a zoom for both.
// Positions are fractions of the picture, lengths are CSS pixels of the frame.

const STEP = 2 // percent that an arrow key moves the divider
const LEAP = 10 // percent with Shift, or with Page Up and Page Down
const ZOOM_STEP = 1.5
const DEEPEST = 16 // CSS pixels that one pixel of the result may fill
const NO_PREVIEW = "A preview cannot be made of this picture; it can be downloaded below."

const comparisons = new WeakMap()

export default function ({ data, parentElement }) {
  let comparison = comparisons.get(parentElement)
  if (!comparison) {
    comparison = new Comparison(parentElement)
    comparisons.set(parentElement, comparison)
  }
  comparison.show(data)
  return () => {
    comparison.close()
    comparisons.delete(parentElement)
  }
}

class Comparison {
  constructor(root) {
    const find = (selector) => root.querySelector(selector)
    this.stage = find(".stage")
    this.divider = find(".divider")
    this.beforeLayer = find(".layer.before")
    this.images = { before: find(".before img"), after: find(".after img") }
    this.tags = { before: find(".tag-before"), after: find(".tag-after") }
    this.level = find(".level")
    this.failure = find(".failure")
    this.split = 50
    this.pointers = new Map()

    this.divider.onkeydown = (event) => this.key(event)
    this.stage.onpointerdown = (event) => this.press(event)
    this.stage.onpointermove = (event) => this.move(event)
    this.stage.onpointerup = (event) => this.release(event)
    this.stage.onpointercancel = (event) => this.release(event)
    this.stage.ondblclick = (event) => this.doubleClick(event)
    this.wheel = (event) => this.roll(event)
    this.stage.addEventListener("wheel", this.wheel, { passive: false })
    find(".in").onclick = () => this.zoom(ZOOM_STEP)
    find(".out").onclick = () => this.zoom(1 / ZOOM_STEP)
    find(".fit").onclick = () => this.fit()
    find(".pixels").onclick = () => this.zoomTo(4 / (this.fitted * window.devicePixelRatio))
    this.resizing = new ResizeObserver(() => this.layout())
    this.resizing.observe(this.stage)
  }

  close() {
    this.resizing.disconnect()
    this.stage.removeEventListener("wheel", this.wheel)
  }

  show(data) {
    const same = this.data && this.data.after.overview === data.after.overview
    this.data = data
    for (const side of ["before", "after"]) {
      const image = this.images[side]
      this.tags[side].textContent = data[side].label
      image.alt = `${data.name}, ${data[side].label}`
      if (same) continue
      image.onerror = () => this.fail()
      image.src = data[side].overview
      image.dataset.shows = "overview"
    }
    this.stage.style.aspectRatio = `${data.after.width} / ${data.after.height}`
    this.stage.style.setProperty("--shape", data.after.width / data.after.height)
    if (!same) {
      this.failure.hidden = true
      this.fit()
    }
    this.layout()
  }

  fail() {
    this.failure.textContent = NO_PREVIEW
    this.failure.hidden = false
  }

  // Layout

  layout() {
    if (!this.data) return
    const { width, height } = this.data.after
    this.fitted = Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height)
    if (!this.fitted) return
    this.scale = Math.min(this.scale, this.deepest())
    this.keepInside()
    this.draw()
  }

  deepest() {
    return Math.max(1, DEEPEST / this.fitted)
  }

  // The frame's middle shows the point `centre` of the picture; no border opens inside it.
  keepInside() {
    const extents = this.extents()
    const frame = [this.stage.clientWidth, this.stage.clientHeight]
    this.centre = this.centre.map((middle, axis) => {
      const half = Math.min(0.5, frame[axis] / extents[axis] / 2)
      return Math.min(Math.max(middle, half), 1 - half)
    })
  }

  extents() {
    const { width, height } = this.data.after
    return [width * this.fitted * this.scale, height * this.fitted * this.scale]
  }

  draw() {
    const [width, height] = this.extents()
    const left = this.stage.clientWidth / 2 - this.centre[0] * width
    const top = this.stage.clientHeight / 2 - this.centre[1] * height
    for (const side of ["before", "after"]) {
      const image = this.images[side]
      Object.assign(image.style, {
        left: `${left}px`,
        top: `${top}px`,
        width: `${width}px`,
        height: `${height}px`,
      })
      // Pixels are squares as soon as one fills more than one of the screen's.
      const enlarged = (width / this.data[side].width) * window.devicePixelRatio > 1.5
      image.classList.toggle("pixelated", enlarged && this.scale > 1)
      this.sharpen(side, width)
    }
    this.beforeLayer.style.clipPath = `inset(0 ${100 - this.split}% 0 0)`
    this.divider.style.left = `${this.split}%`
    const percent = Math.round(this.split)
    this.divider.setAttribute("aria-valuenow", percent)
    this.divider.setAttribute("aria-valuetext", `${percent} percent before`)
    this.stage.classList.toggle("zoomed", this.scale > 1)
    const perPixel = this.fitted * this.scale * window.devicePixelRatio
    this.level.textContent = `${Math.round(perPixel * 100)}%`
    this.level.title = "Screen pixels for one pixel of the doubled picture"
  }

  // Fetch the preview with more pixels once the first one has too few for this zoom.
  sharpen(side, shown) {
    const image = this.images[side]
    const wanted = shown * window.devicePixelRatio
    if (image.dataset.shows !== "overview" || !image.complete || this.scale === 1) return
    if (image.naturalWidth >= this.data[side].width || wanted <= image.naturalWidth) return
    image.dataset.shows = "detail"
    const finer = new Image()
    const address = this.data[side].detail
    finer.onload = () => {
      if (this.data[side].detail === address) image.src = address
    }
    finer.src = address
  }

  // Divider

  splitAt(percent) {
    this.split = Math.min(Math.max(percent, 0), 100)
    this.draw()
  }

  splitUnder(event) {
    const frame = this.stage.getBoundingClientRect()
    this.splitAt(((event.clientX - frame.left) / frame.width) * 100)
  }

  key(event) {
    const step = event.shiftKey ? LEAP : STEP
    const actions = {
      ArrowLeft: () => this.splitAt(this.split - step),
      ArrowDown: () => this.splitAt(this.split - step),
      ArrowRight: () => this.splitAt(this.split + step),
      ArrowUp: () => this.splitAt(this.split + step),
      PageDown: () => this.splitAt(this.split - LEAP),
      PageUp: () => this.splitAt(this.split + LEAP),
      Home: () => this.splitAt(0),
      End: () => this.splitAt(100),
      "+": () => this.zoom(ZOOM_STEP),
      "=": () => this.zoom(ZOOM_STEP),
      "-": () => this.zoom(1 / ZOOM_STEP),
      0: () => this.fit(),
    }
    const action = actions[event.key]
    if (!action || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    event.stopPropagation() // Streamlit has keys of its own
    action()
  }

  // Zoom

  fit() {
    this.scale = 1
    this.centre = [0.5, 0.5]
    if (this.fitted) this.draw()
  }

  zoomTo(scale, around = this.middle()) {
    const before = this.pointUnder(around)
    this.scale = Math.min(Math.max(scale, 1), this.deepest())
    const after = this.pointUnder(around)
    this.centre = this.centre.map((middle, axis) => middle + before[axis] - after[axis])
    this.keepInside()
    this.draw()
  }

  zoom(factor, around) {
    this.zoomTo(this.scale * factor, around)
  }

  middle() {
    return [this.stage.clientWidth / 2, this.stage.clientHeight / 2]
  }

  // Which fraction of the picture lies under a point of the frame.
  pointUnder(point) {
    const extents = this.extents()
    const middle = this.middle()
    return point.map((at, axis) => this.centre[axis] + (at - middle[axis]) / extents[axis])
  }

  within(event) {
    const frame = this.stage.getBoundingClientRect()
    return [event.clientX - frame.left, event.clientY - frame.top]
  }

  roll(event) {
    if (!event.ctrlKey && !event.metaKey) return // the plain wheel scrolls the page
    event.preventDefault()
    this.zoom(Math.exp(-event.deltaY / 300), this.within(event))
  }

  doubleClick(event) {
    if (this.scale > 1) this.fit()
    else this.zoom(ZOOM_STEP * ZOOM_STEP, this.within(event))
  }

  // Pointers: one moves the divider or the picture, two pinch

  press(event) {
    if (event.button !== 0) return
    const onDivider = event.composedPath().includes(this.divider)
    this.grip = onDivider || this.scale === 1 ? "divider" : "picture"
    this.stage.setPointerCapture(event.pointerId)
    this.pointers.set(event.pointerId, this.within(event))
    if (this.grip === "divider") {
      this.splitUnder(event)
      this.divider.focus({ preventScroll: true })
    }
  }

  move(event) {
    const last = this.pointers.get(event.pointerId)
    if (!last) return
    const now = this.within(event)
    if (this.pointers.size === 2) this.pinch(event.pointerId, now)
    else if (this.grip === "divider") this.splitUnder(event)
    else this.pan(now[0] - last[0], now[1] - last[1])
    this.pointers.set(event.pointerId, now)
  }

  release(event) {
    this.pointers.delete(event.pointerId)
  }

  pan(right, down) {
    const extents = this.extents()
    this.centre = [this.centre[0] - right / extents[0], this.centre[1] - down / extents[1]]
    this.keepInside()
    this.draw()
  }

  pinch(moved, now) {
    const last = this.pointers.get(moved)
    const [, other] = [...this.pointers].find(([id]) => id !== moved)
    const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1])
    const between = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]
    this.zoom(distance(now) / Math.max(distance(last), 1), between)
  }
}
