// A box over the film: dragged with the pointer, or moved with the arrows and set with Enter.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".eraser"), image = root.querySelector("img")
  const frame = root.querySelector("i")
  if (image.src !== data.src) image.src = data.src
  root.setAttribute("aria-label", "The film. Arrow keys move a box over it, Shift with an arrow key " +
    "changes its size, Enter erases what lies below, Escape leaves the box.")
  // Shares of the film's sides: left, top, width, height.
  let box = null, start = null
  const between = (value, low, high) => Math.min(Math.max(value, low), high)
  const show = () => {
    frame.hidden = !box
    if (!box) return
    const names = ["left", "top", "width", "height"]
    names.forEach((name, place) => { frame.style[name] = `${100 * box[place]}%` })
  }
  const place = event => {
    const { left, top, width, height } = image.getBoundingClientRect()
    return [between((event.clientX - left) / width, 0, 1), between((event.clientY - top) / height, 0, 1)]
  }
  const send = () => {
    const sides = [data.width, data.height, data.width, data.height]
    setTriggerValue("box", box.map((share, index) => share * sides[index]))
    box = null
    show()
  }
  root.onpointerdown = event => {
    if (event.button) return
    root.setPointerCapture(event.pointerId)
    start = place(event)
  }
  root.onpointermove = event => {
    if (!start) return
    const [x, y] = place(event)
    box = [Math.min(x, start[0]), Math.min(y, start[1]), Math.abs(x - start[0]), Math.abs(y - start[1])]
    show()
  }
  root.onpointerup = () => {
    const large = box && Math.max(box[2], box[3]) > .01
    start = null
    if (large) send()
    else { box = null; show() }
  }
  root.onpointercancel = () => { start = box = null; show() }
  root.onkeydown = event => {
    const step = .02
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key]
    if (event.key === "Enter" && box) send()
    else if (event.key === "Escape" && box) { box = null; show() }
    else if (way) {
      box ??= [.05, .05, .15, .15]
      const at = event.shiftKey ? 2 : 0
      for (const index of [0, 1]) {
        const room = event.shiftKey ? 1 - box[index] : 1 - box[index + 2]
        box[at + index] = between(box[at + index] + way[index], event.shiftKey ? step : 0, room)
      }
      show()
    } else return
    event.preventDefault()
  }
}
