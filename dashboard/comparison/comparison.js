// One comparison: a divider between two pictures of the same thing, a zoom for both, and the trust
// view over the one after. Positions are fractions of the picture, lengths are CSS pixels.

const ZOOM_STEP = 1.5
const DEEPEST = 32 // CSS pixels that one pixel of the result may fill
const REMEMBER_MS = 300 // after the last change: browsers refuse an address that changes all the time

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
    this.figure = find("figure")
    this.stage = find(".stage")
    this.divider = find(".divider")
    this.layers = { before: find(".layer.before"), after: find(".layer.after"), trust: find(".layer.trust") }
    this.tags = { before: find(".tag-before"), after: find(".tag-after") }
    this.level = find(".level")
    this.notice = find(".notice")
    this.against = find(".against")
    this.trusting = find(".trusting")
    this.trustMode = find(".trust-mode")
    this.legend = find(".legend")
    this.over = find(".over")
    this.threshold = find(".over input")
    this.gestures = new Gestures(this)

    find(".in").onclick = () => this.zoom(ZOOM_STEP)
    find(".out").onclick = () => this.zoom(1 / ZOOM_STEP)
    find(".fit").onclick = () => this.fit()
    find(".pixels").onclick = () => this.magnify(4)
    this.against.onchange = () => this.change()
    this.trustMode.onchange = () => this.change()
    this.threshold.oninput = () => this.change()
    this.resizing = new ResizeObserver(() => this.layout())
    this.resizing.observe(this.stage)
  }

  close() {
    this.resizing.disconnect()
    this.gestures.close()
    cancelAnimationFrame(this.frame)
    clearTimeout(this.remembering)
  }

  show(data) {
    const content = JSON.stringify(data)
    if (this.content === content) return this.layout()
    this.content = content
    this.data = data
    const changed = () => this.draw()
    this.befores = data.befores.map((before) => new TiledPicture(before, changed))
    this.after = new TiledPicture(data.after, changed)
    this.spread = data.spread ? new Spread(data.spread, changed) : null
    this.trusting.hidden = !this.spread
    this.stage.setAttribute("aria-label", `${data.name}: before and after, to zoom and move`)
    this.stage.style.aspectRatio = `${data.width} / ${data.height}`
    this.stage.style.setProperty("--shape", data.width / data.height)
    this.against.replaceChildren(...data.befores.map((before, at) => new Option(before.label, at)))
    this.trustMode.value = "off"
    this.split = 50
    this.scale = 1
    this.centre = [0.5, 0.5]
    this.recall()
    this.layout()
  }

  // A view in the address: whoever opens it sees the same pixels.

  recall() {
    const view = new URLSearchParams(location.hash.slice(1))
    const number = (name, otherwise) => (view.has(name) ? Number(view.get(name)) : otherwise)
    this.split = Math.min(Math.max(number("split", 50) || 0, 0), 100)
    this.zoomed = number("zoom", 0) || 0
    const centre = (view.get("at") ?? "").split(",").map(Number)
    if (centre.length === 2 && centre.every(Number.isFinite)) this.centre = centre
    this.against.selectedIndex = Math.max(0, this.data.befores.findIndex((it) => it.label === view.get("before")))
    if (this.spread && ["heat", "hide"].includes(view.get("trust"))) this.trustMode.value = view.get("trust")
    this.wantedThreshold = number("over", 0) * (this.spread?.steps ?? 1)
  }

  remember() {
    clearTimeout(this.remembering)
    this.remembering = setTimeout(() => {
      const view = new URLSearchParams({ split: Math.round(this.split) })
      if (this.against.selectedIndex > 0) view.set("before", this.against.selectedOptions[0].label)
      if (this.scale > 1) {
        view.set("zoom", (this.fitted * this.scale).toFixed(4))
        view.set("at", this.centre.map((at) => at.toFixed(5)).join(","))
      }
      if (this.trustMode.value !== "off") view.set("trust", this.trustMode.value)
      if (this.trustMode.value === "hide") view.set("over", this.threshold.value / this.spread.steps)
      history.replaceState(history.state, "", `${location.pathname}${location.search}#${view}`)
    }, REMEMBER_MS)
  }

  change() {
    this.draw()
    this.remember()
  }

  // Layout

  layout() {
    if (!this.data) return
    const { width, height } = this.data
    this.fitted = Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height)
    if (!this.fitted) return
    if (this.zoomed) {
      this.scale = Math.max(1, this.zoomed / this.fitted)
      this.zoomed = 0
    }
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
    const { width, height } = this.data
    return [width * this.fitted * this.scale, height * this.fitted * this.scale]
  }

  draw() {
    cancelAnimationFrame(this.frame)
    this.figure.dataset.drawn = "no"
    this.frame = requestAnimationFrame(() => this.drawNow())
  }

  drawNow() {
    if (!this.fitted) return
    const before = this.befores[this.against.selectedIndex]
    const drawn = [
      before.draw(this.canvas("before"), this.view()),
      this.after.draw(this.canvas("after"), this.view()),
      this.drawTrust(),
    ]
    this.showNotice([before, this.after, this.spread?.picture])
    this.showDivider()
    this.label("before", this.data.befores[this.against.selectedIndex].label)
    this.label("after", this.data.after.label)
    this.stage.classList.toggle("zoomed", this.scale > 1)
    const perPixel = this.fitted * this.scale * window.devicePixelRatio
    this.level.textContent = `${Math.round(perPixel * 100)}%`
    this.level.title = "Screen pixels for one pixel of the doubled picture"
    this.figure.dataset.drawn = drawn.every(Boolean) ? "yes" : "no"
  }

  // The drawing surface of a layer, as many pixels as the screen has there.
  canvas(name) {
    const canvas = this.layers[name].querySelector("canvas")
    const width = Math.round(this.stage.clientWidth * window.devicePixelRatio)
    const height = Math.round(this.stage.clientHeight * window.devicePixelRatio)
    if (canvas.width !== width) canvas.width = width
    if (canvas.height !== height) canvas.height = height
    return canvas.getContext("2d")
  }

  view() {
    const [width, height] = this.extents()
    const dense = window.devicePixelRatio
    return {
      left: dense * (this.stage.clientWidth / 2 - this.centre[0] * width),
      top: dense * (this.stage.clientHeight / 2 - this.centre[1] * height),
      scale: dense * this.fitted * this.scale,
    }
  }

  drawTrust() {
    const mode = this.spread ? this.trustMode.value : "off"
    this.layers.trust.hidden = mode === "off"
    this.legend.hidden = mode !== "heat"
    this.over.hidden = mode !== "hide"
    if (mode === "off") return true
    if (!this.spread.known) return false
    this.showThreshold()
    this.legend.querySelector("output").textContent = `differ by ${this.spread.greyLevels(this.spread.hottest)} grey levels`
    return this.spread.draw(this.canvas("trust"), this.view(), mode, Number(this.threshold.value))
  }

  showThreshold() {
    const { threshold, spread } = this
    if (this.thresholdIsOf !== this.content) {
      this.thresholdIsOf = this.content
      threshold.max = Math.max(spread.hottest, this.wantedThreshold || 0)
      threshold.value = this.wantedThreshold || spread.firstThreshold
    }
    const share = (100 * spread.shareAbove(Number(threshold.value))).toFixed(1)
    const says = `${spread.greyLevels(threshold.value)} grey levels: ${share}% hidden`
    this.over.querySelector("output").textContent = says
    threshold.setAttribute("aria-valuetext", says)
  }

  showNotice(pictures) {
    const inUse = pictures.filter(Boolean)
    const failure = inUse.find((picture) => picture.failure)?.failure
    const waiting = inUse.some((picture) => !picture.about)
    this.notice.textContent = failure ?? "Cutting the picture into tiles…"
    this.notice.classList.toggle("failed", Boolean(failure))
    this.notice.hidden = !failure && !waiting
  }

  showDivider() {
    this.layers.before.style.clipPath = `inset(0 ${100 - this.split}% 0 0)`
    this.divider.style.left = `${this.split}%`
    const percent = Math.round(this.split)
    this.divider.setAttribute("aria-valuenow", percent)
    this.divider.setAttribute("aria-valuetext", `${percent} percent before`)
  }

  label(side, text) {
    this.tags[side].textContent = text
    this.layers[side].querySelector("canvas").setAttribute("aria-label", `${this.data.name}, ${text}`)
  }

  // Divider

  splitAt(percent) {
    this.split = Math.min(Math.max(percent, 0), 100)
    this.showDivider()
    this.remember()
  }

  // Zoom

  fit() {
    this.scale = 1
    this.centre = [0.5, 0.5]
    this.change()
  }

  zoomTo(scale, around = this.middle()) {
    const before = this.pointUnder(around)
    this.scale = Math.min(Math.max(scale, 1), this.deepest())
    const after = this.pointUnder(around)
    this.centre = this.centre.map((middle, axis) => middle + before[axis] - after[axis])
    this.keepInside()
    this.change()
  }

  // So many screen pixels for one of the picture.
  magnify(pixels) {
    this.zoomTo(pixels / (this.fitted * window.devicePixelRatio))
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

  pan(right, down) {
    const extents = this.extents()
    this.centre = [this.centre[0] - right / extents[0], this.centre[1] - down / extents[1]]
    this.keepInside()
    this.change()
  }
}
