// Cells are written anew in place, so that the one in focus stays there. Names go in as text.
const GAP = 24, SPACE = 3, WIDEST = 64, LETTER = 6.1
const make = (tag, text, role) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  if (role) element.setAttribute("role", role)
  return element
}
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`
const light = rgb => rgb.map(v => v / 255)
  .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0)
const contrast = (a, b) => {
  const [low, high] = [light(a), light(b)].sort((x, y) => x - y)
  return (high + .05) / (low + .05)
}
const css = rgb => `rgb(${rgb.map(Math.round).join(", ")})`

function palette(root, other) {
  const read = colour => {
    root.style.color = colour
    const rgb = getComputedStyle(root).color.match(/[\d.]+/g).slice(0, 3).map(Number)
    root.style.color = ""
    return rgb
  }
  const page = read("var(--st-background-color)"), text = read("var(--st-text-color)")
  const ends = [read(other), read("var(--st-primary-color)")]
  const fill = shade => {
    const end = ends[Number(shade >= 0)], part = .03 + .97 * Math.abs(shade)
    return page.map((v, i) => v + (end[i] - v) * part)
  }
  // Black or white has at least 4.58 on any colour; the page's own two look better where they do.
  const ink = back => [text, page, [0, 0, 0], [255, 255, 255]].find(c => contrast(c, back) >= 4.5)
  return { fill, ink }
}

function build(section, matrix, number) {
  const header = make("header"), square = make("i"), table = make("table", undefined, "grid")
  square.style.background = matrix.colour
  header.append(square, make("b", matrix.title), make("small", matrix.detail),
    ...matrix.marks.map(mark => make("em", mark)))
  header.title = matrix.hint
  table.setAttribute("aria-label", [matrix.title, ...matrix.marks].join(", "))
  const named = (name, role) => {
    const head = make("th", undefined, role)
    head.append(make("span", name.replace(/[_\/]/g, "$&\u200b")))
    head.title = name
    return head
  }
  const columns = make("colgroup"), names = make("tr", undefined, "row")
  columns.append(make("col"), ...matrix.columns.map(() => make("col")))
  names.append(make("td", undefined, "presentation"), ...matrix.columns.map(name => named(name, "columnheader")))
  const head = make("thead", undefined, "rowgroup"), body = make("tbody", undefined, "rowgroup")
  head.append(names)
  body.append(...matrix.rows.map((name, row) => {
    const line = make("tr", undefined, "row")
    line.append(named(name, "rowheader"), ...matrix.columns.map((_, column) => {
      const cell = make("td", undefined, "gridcell")
      cell.tabIndex = row || column ? -1 : 0
      cell.dataset.place = JSON.stringify([number, row, column])
      return cell
    }))
    return line
  }))
  table.append(columns, head, body)
  section.append(header, table)
  return section
}

function move(event) {
  const cell = event.target.closest("[role=gridcell]")
  if (!cell) return
  const rows = [...cell.closest("tbody").rows].map(row => [...row.querySelectorAll("td")])
  const [, row, column] = JSON.parse(cell.dataset.place), last = rows[0].length - 1
  const all = event.ctrlKey
  const to = { ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
    Home: [all ? 0 : row, 0], End: [all ? rows.length - 1 : row, last] }[event.key]
  if (event.key === "Enter" || event.key === " ") cell.click()
  else if (!to) return
  event.preventDefault()
  if (to && rows[to[0]]?.[to[1]]) focusable(rows[to[0]][to[1]]).focus()
}

function focusable(cell) {
  for (const other of cell.closest("table").querySelectorAll("[role=gridcell]")) other.tabIndex = -1
  cell.tabIndex = 0
  return cell
}

function fit(root, data) {
  const all = root.querySelector(".all"), many = data.matrices.length
  if (!many) return
  const classes = Math.max(...data.matrices.map(m => m.columns.length))
  const longest = Math.max(...data.matrices.flatMap(m =>
    [...(m.texts.length ? m.texts.flat() : m.counts.flat().map(n => n.toLocaleString("en")))]
      .map(text => text.length)))
  const size = classes > 6 ? 11 : 14, least = Math.max(26, longest * size * .62 + 6)
  const longestWord = names => LETTER *
    Math.max(...names.flatMap(name => name.split(/(?<=[\s_\/-])/)).map(word => word.length))
  const names = Math.min(96, longestWord(data.matrices.flatMap(m => m.rows)) + 8)
  const width = root.clientWidth - 8, beside = names + 2 * SPACE
  const room = cell => Math.floor((width + GAP) / (beside + classes * (cell + SPACE) + GAP))
  // Names of columns lie flat where that leaves no matrix alone in a row.
  const word = longestWord(data.matrices.flatMap(m => m.columns))
  const flat = room(Math.max(least, Math.min(WIDEST, word)))
  const alone = flat > 0 && Math.floor(many / Math.ceil(many / flat)) < 2
  const fits = flat > 0 && (many <= flat || !alone) ? flat : room(least)
  const lines = Math.ceil(many / Math.max(1, Math.min(fits, many)))
  const across = Math.ceil(many / lines)
  const share = (width - GAP * (across - 1)) / across
  const cell = Math.floor(Math.max(least, Math.min(WIDEST, (share - beside) / classes - SPACE)))
  all.classList.toggle("upright", word > cell + 2)
  all.style.gridTemplateColumns = `repeat(${across}, max-content)`
  for (const [name, value] of Object.entries({ names, cell, size,
    high: Math.min(40, Math.max(26, cell)) })) all.style.setProperty(`--${name}`, value + "px")
  // Rows of matrices as even as can be: 7 in three rows are 3, 2, 2, not 3, 3, 1.
  let start = 0
  const starts = new Set(Array.from({ length: lines }, (_, line) => {
    const first = start
    start += Math.floor(many / lines) + Number(line < many % lines)
    return first
  }))
  ;[...all.children].forEach((section, n) => section.style.gridColumn = starts.has(n) ? 1 : "")
}

function paint(root, data, colours) {
  for (const cell of root.querySelectorAll("[role=gridcell]")) {
    const [number, row, column] = JSON.parse(cell.dataset.place), m = data.matrices[number]
    const back = colours.fill(m.shades[row][column]), text = m.texts[row]?.[column]
    cell.textContent = text ?? m.counts[row][column].toLocaleString("en")
    cell.style.background = css(back)
    cell.style.color = css(colours.ink(back))
    const [before, between, after] = m.words
    cell.title = before + m.rows[row] + between + m.columns[column] + ": " +
      plural(m.counts[row][column], m.noun) + after + (text === undefined ? "" : `, ${text}${m.unit}`)
    cell.setAttribute("aria-label", cell.title)
    const open = JSON.stringify(data.selected) === cell.dataset.place
    cell.setAttribute("aria-selected", String(open))
  }
  const [low, high] = root.querySelectorAll(".legend span"), legend = data.legend
  low.textContent = legend.low
  high.textContent = legend.high
  root.querySelector(".legend p").textContent = legend.text
  const steps = legend.both ? [-1, 0, 1] : [0, 1]
  root.querySelector(".legend i").style.background =
    `linear-gradient(to right, ${steps.map(s => css(colours.fill(s))).join(", ")})`
}

function list(root, data, pick) {
  const details = root.querySelector("details"), table = details.querySelector("table")
  details.hidden = !data.listing.places.length
  details.querySelector("summary").textContent = data.listing.title
  const rows = data.listing.places.map(place => {
    const [number, row, column] = place, m = data.matrices[number]
    return [place, `${m.rows[row]} → ${m.columns[column]}`, m.title, m.counts[row][column]]
  })
  if (table.dataset.drawn === JSON.stringify(rows)) return
  table.dataset.drawn = JSON.stringify(rows)
  const head = make("tr"), films = make("th", "Films")
  films.className = "n"
  head.append(make("th", data.listing.heading), films, make("th", "Run"))
  table.replaceChildren(head, ...rows.map(([place, text, title, n]) => {
    const line = make("tr"), button = make("button", text), cell = make("td")
    const number = make("td", n.toLocaleString("en"))
    number.className = "n"
    button.type = "button"
    button.onclick = () => pick(place)
    cell.append(button)
    line.append(cell, number, make("td", title))
    return line
  }))
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".matrices"), all = root.querySelector(".all")
  const pick = place => setTriggerValue("picked", place)
  const shape = JSON.stringify(data.matrices.map(m =>
    [m.title, m.colour, m.rows, m.columns, m.detail, m.marks, m.hint]))
  if (root.dataset.shape !== shape) {
    root.dataset.shape = shape
    all.replaceChildren(...data.matrices.map((m, n) => build(make("section"), m, n)))
  }
  paint(root, data, palette(root, data.other))
  list(root, data, pick)
  all.onkeydown = move
  all.onclick = event => {
    const cell = event.target.closest("[role=gridcell]")
    if (cell) pick(JSON.parse(focusable(cell).dataset.place))
  }
  root.fit = () => fit(root, data)
  root.fit()
  if (!root.watcher) {
    root.watcher = new ResizeObserver(() => root.fit())
    root.watcher.observe(root)
  }
  return () => root.watcher.disconnect()
}
