// Rows of models: what they say, their shares, their maps; one view of all maps.
// --- rows --------------------------------------------------------------------------------

function says(row) {
  const part = make("div", undefined, "says"), title = make("h3"), square = make("i")
  square.style.background = row.colour
  title.append(square, make("span", row.title), ...row.marks.map(mark => make("em", mark)))
  title.title = row.hint
  part.append(title)
  if (row.error) {
    part.append(make("p", row.error, "error"))
    return part
  }
  const answer = make("p", undefined, "answer")
  if (row.right !== null) {
    answer.classList.add(row.right ? "right" : "wrong")
    const mark = make("span", row.right ? "✓ " : "✗ ")
    mark.setAttribute("role", "img")
    mark.setAttribute("aria-label", row.right ? "right: " : "wrong: ")
    answer.append(mark)
  }
  answer.append(make("b", row.answer))
  part.append(answer, ...row.words.map(text => make("p", text)))
  return part
}

function shares(row) {
  const part = make("div", undefined, "shares"), list = make("ul")
  list.setAttribute("aria-label", `Probabilities, ${row.title}`)
  list.append(...row.bars.map(bar => {
    const line = make("li"), track = make("span", undefined, "track"), fill = make("i")
    line.classList.toggle("chosen", bar.chosen)
    fill.style.width = 100 * bar.share + "%"
    track.append(fill)
    if (bar.threshold !== null) {
      const tick = make("s")
      tick.style.left = 100 * bar.threshold + "%"
      tick.title = "Operating point"
      track.append(tick)
    }
    const label = make("span", bar.label)
    label.title = bar.label
    line.append(label, track, make("b", bar.text))
    return line
  }))
  part.append(list)
  if (row.near) {
    const near = make("div", undefined, "near")
    const text = make("p", row.near)
    text.title = row.near
    near.append(text, ...row.nearest.map(film => {
      const image = make("img")
      image.src = film.src
      image.alt = image.title = film.text
      image.style.borderColor = film.colour
      return image
    }))
    part.append(near)
  }
  return part
}

function tiles(row, number, live, pick) {
  const part = make("div", undefined, "tiles")
  row.maps.forEach((map, column) => {
    const figure = make("figure"), shown = make("canvas"), frame = make("div")
    shown.setAttribute("role", "img")
    shown.setAttribute("aria-label", `${row.title}, ${map.title}: ${map.text}`)
    shown.tabIndex = number || column ? -1 : 0
    shown.dataset.place = `${number},${column}`
    shown.title = map.text
    frame.append(shown)
    if (map.words) {
      const words = make("div", undefined, "words")
      words.append(make("span", map.words))
      if (map.offer) {
        const button = make("button", `Explain ${map.offer}`)
        button.type = "button"
        button.onclick = () => pick(map.offer)
        words.append(button)
      }
      frame.append(words)
    }
    if (map.note) frame.append(make("span", map.note, "note"))
    figure.append(make("figcaption", map.title), frame)
    part.append(figure)
    live.tiles.push({ canvas: shown, src: map.src, seenSrc: map.seen, place: map.box, heat: {} })
  })
  return part
}

// --- size and view -----------------------------------------------------------------------

function fit(root, live) {
  const { film, view } = live
  if (!root.clientWidth || !film) return
  const wide = root.clientWidth >= 820 && !view.large, rows = live.data.rows.length
  const many = Math.max(1, ...live.data.rows.map(row => row.maps.length))
  const aspect = film.width / film.height, room = root.clientWidth - 22 - (wide ? TEXT : 0)
  const across = wide ? many : Math.min(many, 3)
  const widest = (room - GAP * (across - 1)) / across / aspect
  const top = root.querySelector(".rows").getBoundingClientRect().top +
    document.querySelector("[data-testid=stMain]").scrollTop
  // All rows on one screen where that leaves the pictures large enough.
  const share = wide ? (innerHeight - Math.min(top, 330) - 60) / rows - 28 : MOST
  const high = Math.max(LEAST, Math.min(share, widest, view.large ? 2 * MOST : MOST))
  const size = [Math.round(high * aspect), Math.round(high)]
  root.classList.toggle("stacked", !wide)
  // Named once above the rows where each row is one line.
  root.classList.toggle("once", many * (size[0] + GAP) - GAP <= room)
  const sharp = Math.min(2, devicePixelRatio || 1)
  for (const { canvas } of live.tiles) {
    canvas.style.width = size[0] + "px"
    canvas.style.height = size[1] + "px"
    canvas.width = size[0] * sharp
    canvas.height = size[1] * sharp
  }
  paint(live)
}

function paint(live) {
  const { view, data } = live, half = .5 / view.zoom
  view.x = clip(view.x, half, 1 - half)
  view.y = clip(view.y, half, 1 - half)
  live.table = Uint8Array.from(atob(data.tables[view.colours]), sign => sign.charCodeAt(0))
  cancelAnimationFrame(live.frame)
  live.frame = requestAnimationFrame(() => live.tiles.forEach(tile => tile.ready && draw(tile, live)))
}

function zoom(live, factor, at) {
  const { view } = live, before = view.zoom
  view.zoom = clip(before * factor, 1, 16)
  if (at) for (const axis of ["x", "y"]) // the place under the pointer stays there
    view[axis] += (at[axis] - .5) * (1 / before - 1 / view.zoom)
  paint(live)
}

function keys(event, live, root) {
  const shown = event.target.closest("canvas")
  if (!shown) return
  const [row, column] = shown.dataset.place.split(",").map(Number)
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === "+" || event.key === "=") zoom(live, 1.5)
  else if (event.key === "-") zoom(live, 1 / 1.5)
  else if (event.key === "0") zoom(live, 0)
  else if (step && event.shiftKey) {
    live.view.y += step[0] * .15 / live.view.zoom
    live.view.x += step[1] * .15 / live.view.zoom
    paint(live)
  } else if (step) {
    const next = root.querySelector(`canvas[data-place="${row + step[0]},${column + step[1]}"]`)
    if (next) focusable(root, next).focus()
  } else return
  event.preventDefault()
}

function focusable(root, shown) {
  for (const other of root.querySelectorAll("canvas")) other.tabIndex = -1
  shown.tabIndex = 0
  return shown
}

function pointers(all, live) {
  let from = null
  const at = event => {
    const box = event.target.getBoundingClientRect()
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height }
  }
  all.onpointerdown = event => {
    if (event.target.tagName !== "CANVAS" || event.button) return
    from = { ...at(event), left: live.view.x, top: live.view.y }
    if (live.view.zoom > 1) event.target.setPointerCapture(event.pointerId)
  }
  all.onpointermove = event => {
    if (!from || live.view.zoom === 1) return
    const now = at(event)
    live.view.x = from.left - (now.x - from.x) / live.view.zoom
    live.view.y = from.top - (now.y - from.y) / live.view.zoom
    paint(live)
  }
  all.onpointerup = all.onpointercancel = () => from = null
  all.ondblclick = event => event.target.tagName === "CANVAS" &&
    zoom(live, live.view.zoom < 8 ? 2 : 0, live.view.zoom < 8 ? at(event) : undefined)
  all.onwheel = event => { // alone it scrolls the page
    if (event.target.tagName !== "CANVAS" || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    zoom(live, Math.exp(-event.deltaY / 200), at(event))
  }
}

// --- all of it ---------------------------------------------------------------------------

function toolbar(root, live) {
  const bar = root.querySelector(".bar"), { view } = live
  const put = (name, value) => {
    view[name] = value
    name === "large" ? fit(root, live) : paint(live)
    settle()
  }
  const button = (text, label, act) => {
    const made = make("button", text)
    made.type = "button"
    made.setAttribute("aria-label", label)
    made.onclick = act
    return made
  }
  const field = (text, input) => {
    const label = make("label", text)
    label.append(input)
    return label
  }
  const range = (name, text) => {
    const input = make("input")
    Object.assign(input, { type: "range", min: 0, max: 100, step: 5, value: view[name] })
    input.oninput = () => put(name, Number(input.value))
    return field(text, input)
  }
  const styles = { heat: button("Heat", "Heat", () => put("style", "heat")),
    contours: button("Contours", "Contours", () => put("style", "contours")) }
  const large = button("Large", "Large maps", () => put("large", !view.large))
  const lungs = button("Lungs", "Outline of the lungs", () => put("lungs", !view.lungs))
  const colours = make("select")
  colours.append(...Object.keys(live.data.tables).map(name => make("option", name)))
  colours.onchange = () => put("colours", colours.value)
  const group = make("span", undefined, "group"), zooms = make("span", undefined, "group")
  group.append(...Object.values(styles))
  zooms.append(button("−", "Zoom out", () => zoom(live, 1 / 1.5)),
    button("Whole film", "Show the whole film", () => zoom(live, 0)), button("+", "Zoom in", () => zoom(live, 1.5)))
  const settle = () => {
    for (const [name, made] of Object.entries(styles)) made.setAttribute("aria-pressed", String(view.style === name))
    large.setAttribute("aria-pressed", String(view.large))
    lungs.setAttribute("aria-pressed", String(view.lungs))
  }
  bar.replaceChildren(group, field("Colours", colours), range("opacity", "Opacity"), range("swipe", "Swipe"), lungs, zooms, large)
  settle()
}

async function rebuild(root, live, pick) {
  const { data } = live, turn = live.turn = (live.turn ?? 0) + 1
  const next = { tiles: [] }
  const image = await picture(data.film.src)
  const rows = data.rows.map((row, number) => {
    const section = make("section")
    section.setAttribute("aria-label", row.title)
    section.append(says(row), ...(row.error ? [] : [shares(row), tiles(row, number, next, pick)]))
    return section
  })
  await Promise.all(next.tiles.map(async tile => {
    if (tile.src) tile.map = await picture(tile.src)
    if (tile.seenSrc) tile.seen = await picture(tile.seenSrc)
    tile.ready = true
  }))
  if (turn !== live.turn) return
  const focused = root.getRootNode().activeElement?.dataset?.place
  if (data.film.key !== live.film?.key) Object.assign(live.view, { zoom: 1, x: .5, y: .5 })
  live.film = { ...data.film, image }
  live.tiles = next.tiles
  root.classList.toggle("without-lungs", !data.film.lungs.length)
  root.querySelector(".rows").replaceChildren(...rows)
  root.querySelector(".legend span").textContent = data.legend
  fit(root, live)
  const again = focused && root.querySelector(`canvas[data-place="${focused}"]`)
  if (again) focusable(root, again).focus({ preventScroll: true })
  root.dataset.ready = data.film.key
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".live"), all = root.querySelector(".rows")
  const live = root.live ??= { tiles: [], view:
    { style: "heat", colours: Object.keys(data.tables)[0], opacity: 70, swipe: 0, zoom: 1, x: .5, y: .5, large: false, lungs: true } }
  live.data = data
  if (!root.watcher) {
    toolbar(root, live)
    pointers(all, live)
    all.onkeydown = event => keys(event, live, root)
    all.onfocusin = event => event.target.tagName === "CANVAS" && focusable(root, event.target)
    root.watcher = new ResizeObserver(() => fit(root, live))
    root.watcher.observe(root)
  }
  const drawn = JSON.stringify(data)
  if (live.drawn !== drawn) {
    live.drawn = drawn
    delete root.dataset.ready
    rebuild(root, live, name => setTriggerValue("explained", name))
  }
  return () => root.watcher.disconnect()
}
