// Keys, wheel and pointers at a comparison: what they do to its divider, its zoom and its place.

const STEP = 2 // percent that an arrow key moves the divider
const LEAP = 10 // percent with Shift, or with Page Up and Page Down
const SIDEWAYS = 6 // CSS pixels that a finger goes before it moves the divider: it may mean to scroll
const PAN_STEP = 0.1 // of the frame, for each arrow key

class Gestures {
  constructor(comparison) {
    const { stage, divider } = comparison
    this.comparison = comparison
    this.stage = stage
    this.divider = divider
    this.pointers = new Map()
    divider.onkeydown = (event) => this.key(event, this.dividerKeys(event.shiftKey))
    stage.onkeydown = (event) => this.key(event, this.stageKeys())
    stage.onpointerdown = (event) => this.press(event)
    stage.onpointermove = (event) => this.move(event)
    stage.onpointerup = (event) => this.release(event)
    stage.onpointercancel = (event) => this.release(event)
    stage.ondblclick = (event) => this.doubleClick(event)
    this.wheel = (event) => this.roll(event)
    stage.addEventListener("wheel", this.wheel, { passive: false })
  }

  close() {
    this.stage.removeEventListener("wheel", this.wheel)
  }

  // Keys

  key(event, actions) {
    const action = actions[event.key]
    if (!action || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    event.stopPropagation() // Streamlit has keys of its own
    action()
  }

  dividerKeys(far) {
    const step = far ? LEAP : STEP
    const shift = (percent) => () => this.comparison.splitAt(this.comparison.split + percent)
    return {
      ArrowLeft: shift(-step),
      ArrowDown: shift(-step),
      ArrowRight: shift(step),
      ArrowUp: shift(step),
      PageDown: shift(-LEAP),
      PageUp: shift(LEAP),
      Home: () => this.comparison.splitAt(0),
      End: () => this.comparison.splitAt(100),
      ...this.zoomKeys(),
    }
  }

  stageKeys() {
    const { clientWidth, clientHeight } = this.stage
    const pan = (right, down) => () => this.comparison.pan(right * clientWidth, down * clientHeight)
    const zoomed = this.comparison.scale > 1 // otherwise the arrows scroll the page
    return {
      ...(zoomed && {
        ArrowLeft: pan(PAN_STEP, 0),
        ArrowRight: pan(-PAN_STEP, 0),
        ArrowUp: pan(0, PAN_STEP),
        ArrowDown: pan(0, -PAN_STEP),
      }),
      ...this.zoomKeys(),
    }
  }

  zoomKeys() {
    return {
      "+": () => this.comparison.zoom(ZOOM_STEP),
      "=": () => this.comparison.zoom(ZOOM_STEP),
      "-": () => this.comparison.zoom(1 / ZOOM_STEP),
      0: () => this.comparison.fit(),
      1: () => this.comparison.magnify(1),
    }
  }

  // Wheel

  roll(event) {
    if (!event.ctrlKey && !event.metaKey) return // the plain wheel scrolls the page
    event.preventDefault()
    this.comparison.zoom(Math.exp(-event.deltaY / 300), this.within(event))
  }

  // Pointers: one moves the divider or the picture, two pinch

  press(event) {
    if (event.button !== 0) return
    this.stage.setPointerCapture(event.pointerId)
    this.began = this.within(event)
    this.pointers.set(event.pointerId, this.began)
    if (this.pointers.size > 1) return
    this.grip = null
    if (this.comparison.scale > 1 && !this.onDivider(event)) this.grip = "picture"
    else if (event.pointerType !== "touch" || this.onDivider(event)) this.takeDivider(event)
  }

  move(event) {
    const last = this.pointers.get(event.pointerId)
    if (!last) return
    const now = this.within(event)
    if (this.pointers.size === 2) this.pinch(event.pointerId, now)
    else if (this.grip === "divider") this.splitUnder(event)
    else if (this.grip === "picture") this.comparison.pan(now[0] - last[0], now[1] - last[1])
    else if (this.wentSideways(now)) this.takeDivider(event)
    this.pointers.set(event.pointerId, now)
  }

  // The finger that is left of two goes on with the picture.
  release(event) {
    if (this.pointers.delete(event.pointerId) && this.pointers.size) this.grip = "picture"
  }

  onDivider(event) {
    return event.composedPath().includes(this.divider)
  }

  wentSideways(now) {
    const [across, down] = now.map((at, axis) => Math.abs(at - this.began[axis]))
    return across >= SIDEWAYS && across > down
  }

  takeDivider(event) {
    this.grip = "divider"
    this.splitUnder(event)
    this.divider.focus({ preventScroll: true })
  }

  doubleClick(event) {
    if (this.comparison.scale > 1) this.comparison.fit()
    else this.comparison.zoom(ZOOM_STEP * ZOOM_STEP, this.within(event))
  }

  pinch(moved, now) {
    const last = this.pointers.get(moved)
    const [, other] = [...this.pointers].find(([id]) => id !== moved)
    const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1])
    const between = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]
    this.comparison.zoom(distance(now) / Math.max(distance(last), 1), between)
  }

  splitUnder(event) {
    const frame = this.stage.getBoundingClientRect()
    this.comparison.splitAt(((event.clientX - frame.left) / frame.width) * 100)
  }

  // The place in the frame, in CSS pixels.
  within(event) {
    const frame = this.stage.getBoundingClientRect()
    return [event.clientX - frame.left, event.clientY - frame.top]
  }
}
