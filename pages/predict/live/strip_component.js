// Thumbnails with one tab stop; the arrows open the film before and after. Names go in as text.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".strip"), films = root.querySelector(".films")
  const bar = root.querySelector("nav")
  const make = (tag, text) => {
    const element = document.createElement(tag)
    if (text !== undefined) element.textContent = text
    return element
  }
  const pick = id => id && setTriggerValue("picked", id)
  const within = films.contains(root.getRootNode().activeElement)
  const drawn = JSON.stringify(data.items.map(({ src, ...item }) => item))
  if (films.dataset.drawn !== drawn) {
    films.dataset.drawn = drawn
    films.replaceChildren(...data.items.map(item => {
      const button = make("button"), image = make("img")
      button.type = "button"
      button.dataset.id = item.id
      button.title = image.alt = item.title
      button.style.setProperty("--mark", item.colour)
      image.src = item.src
      const text = make("span", item.text)
      text.ariaHidden = "true"
      button.append(image, text)
      return button
    }))
  }
  const buttons = [...films.children]
  const current = buttons.find(button => button.dataset.id === data.selected) ?? buttons[0]
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.id === data.selected))
    button.tabIndex = button === current ? 0 : -1
    button.onclick = () => pick(button.dataset.id)
  }
  if (within) current?.focus({ preventScroll: true })
  root.onkeydown = event => {
    const way = { ArrowLeft: "previous", ArrowRight: "next" }[event.key]
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    pick(data[way])
  }
  if (!bar.children.length) bar.append(make("button", "‹ Previous"), make("button", "Next ›"), make("span"))
  const [previous, next, text] = bar.children
  for (const [button, id, label] of [[previous, data.previous, "Previous film"], [next, data.next, "Next film"]]) {
    button.type = "button"
    button.disabled = !id
    button.setAttribute("aria-label", label)
    button.onclick = () => pick(id)
  }
  text.textContent = data.text
  root.paste ??= paste
  document.addEventListener("paste", root.paste)
  return () => document.removeEventListener("paste", root.paste)
}

// Pictures that are pasted anywhere on the page go where they can be dropped; text stays text.
function paste(event) {
  const files = event.clipboardData?.files ?? []
  const zone = document.querySelector("[data-testid=stFileUploader]")
  const input = zone?.querySelector("input[type=file]")
  if (!files.length || !input || event.defaultPrevented || zone.contains(event.target)) return
  event.preventDefault()
  const transfer = new DataTransfer()
  for (const file of files) transfer.items.add(file)
  input.files = transfer.files
  input.dispatchEvent(new Event("change", { bubbles: true }))
}
