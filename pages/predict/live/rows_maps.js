// Maps are coloured, scaled and cut here, so that nothing of that asks the server. Names go in as text.
const LEAST = 84, MOST = 300, GAP = 8, TEXT = 480, LEVELS = [64, 128, 192], LINES = [160, 205, 245], GRID = 48
const make = (tag, text, kind) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  if (kind) element.className = kind
  return element
}
const clip = (value, low, high) => Math.min(high, Math.max(low, value))
const picture = src => new Promise((done, failed) => {
  const image = new Image()
  image.onload = () => done(image)
  image.onerror = failed
  image.src = src
})
function canvas(width, height) {
  const made = make("canvas")
  made.width = width
  made.height = height
  return made
}

// --- maps --------------------------------------------------------------------------------

function levels(image, width, height) { // 0..255, one a place
  const context = canvas(width, height).getContext("2d", { willReadFrequently: true })
  context.imageSmoothingQuality = "high"
  context.drawImage(image, 0, 0, width, height)
  return context.getImageData(0, 0, width, height).data.filter((_, i) => i % 4 === 0)
}

function heat(image, table) {
  const { width, height } = image, found = canvas(width, height), context = found.getContext("2d")
  const pixels = context.createImageData(width, height)
  levels(image, width, height).forEach((level, i) =>
    // The root shows medium values as well.
    pixels.data.set([...table.subarray(3 * level, 3 * level + 3), 255 * Math.sqrt(level / 255)], 4 * i))
  context.putImageData(pixels, 0, 0)
  return found
}

function contours(image) { // marching squares: for each level a path in shares of the map
  const values = levels(image, GRID, GRID), at = (x, y) => values[y * GRID + x]
  return LEVELS.map(level => {
    const lines = []
    for (let y = 0; y < GRID - 1; y++) for (let x = 0; x < GRID - 1; x++) {
      const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], cuts = []
      corners.forEach((from, i) => {
        const to = corners[(i + 1) % 4], a = at(...from), b = at(...to)
        if ((a >= level) === (b >= level)) return
        const part = (level - a) / (b - a)
        cuts.push(from.map((v, k) => (v + (to[k] - v) * part + .5) / GRID))
      })
      for (let i = 0; i + 1 < cuts.length; i += 2) lines.push([cuts[i], cuts[i + 1]])
    }
    return lines
  })
}

function around(context, lines, width) { // light on dark, so that it is seen on any film
  context.beginPath()
  for (const line of lines) {
    for (let i = 0; i < line.length; i += 2) context[i ? "lineTo" : "moveTo"](line[i] + .5, line[i + 1] + .5)
    context.closePath()
  }
  for (const [wide, colour] of [[2.4, "rgb(0 0 0 / .5)"], [1, "#7fe3ff"]]) {
    context.lineWidth = width * wide
    context.strokeStyle = colour
    context.stroke()
  }
}

function draw(tile, live) {
  const { canvas, map, place } = tile, { film, view } = live
  const context = canvas.getContext("2d"), { width, height } = canvas
  const scale = width / film.width * view.zoom
  context.setTransform(scale, 0, 0, scale, width / 2 - view.x * film.width * scale,
    height / 2 - view.y * film.height * scale)
  context.clearRect(0, 0, film.width, film.height)
  context.drawImage(film.image, 0, 0, film.width, film.height)
  const [left, top, wide, high] = place
  if (tile.seen) {
    context.fillStyle = "rgb(0 0 0 / .6)"
    context.fillRect(0, 0, film.width, film.height)
    context.drawImage(tile.seen, left, top, wide, high)
  }
  if (map) shade(tile, live, context, scale)
  if (view.lungs) around(context, film.lungs, Math.max(1, canvas.width / 220) / scale)
}

function shade(tile, live, context, scale) {
  const { canvas, map, place: [left, top, wide, high] } = tile, { film, view, table } = live, { width } = canvas
  const cut = view.x * film.width + (view.swipe / 100 - .5) * width / scale
  context.save()
  context.beginPath()
  context.rect(cut, 0, film.width, film.height)
  context.clip()
  context.globalAlpha = view.opacity / 100
  if (view.style === "heat") {
    tile.heat[view.colours] ??= heat(map, table)
    context.drawImage(tile.heat[view.colours], left, top, wide, high)
  } else {
    tile.lines ??= contours(map)
    context.globalAlpha = Math.max(.6, view.opacity / 100)
    const line = Math.max(1.5, canvas.width / 130) / scale
    tile.lines.forEach((lines, i) => {
      const shade = 3 * LINES[i]
      context.beginPath()
      for (const [from, to] of lines) {
        context.moveTo(left + wide * from[0], top + high * from[1])
        context.lineTo(left + wide * to[0], top + high * to[1])
      }
      context.lineWidth = line * 2.2
      context.strokeStyle = "rgb(0 0 0 / .45)" // keeps the line apart from a bright film
      context.stroke()
      context.lineWidth = line
      context.strokeStyle = `rgb(${table.subarray(shade, shade + 3).join(" ")})`
      context.stroke()
    })
  }
  context.restore()
  if (view.swipe > 0) {
    context.fillStyle = "#fff"
    context.fillRect(cut - 1 / scale, 0, 2 / scale, film.height)
  }
}
