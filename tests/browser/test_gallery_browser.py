"""Every widget of the gallery in both themes and at two widths: nothing runs out of its cell, and all can be read."""

import json

import pytest

from helpers import lab as labs


def widget_cells():
    """The code of the gallery above its plots; paths as seen from another folder."""
    cells = json.loads((labs.ROOT / "notebooks" / "gallery.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    end = next(place for place, text in enumerate(texts) if text.startswith("# Plots"))
    code = [text for cell, text in zip(cells[:end], texts, strict=False) if cell["cell_type"] == "code"]
    return [text.replace('"quiz/', f'"{labs.ROOT}/notebooks/quiz/') for text in code]


@pytest.fixture(scope="module")
def gallery(lab, browser):
    """One page with all widgets, made once: another width and theme are those of the same page."""
    page = lab.run(browser, "gallery", *widget_cells())
    page.wait_for_timeout(1500)
    assert page.faults == []
    yield page
    lab.command(page, "notebook:shutdown-kernel")
    page.context.close()


# What is wider than the room it has, and what has a scroll bar of its own.
ROOM = """() => [...document.querySelectorAll('.jp-OutputArea .hpt')].flatMap(widget => {
  const right = widget.closest('.jp-OutputArea-output').getBoundingClientRect().right + 1;
  const name = element => `${element.tagName.toLowerCase()} ${element.className?.baseVal ?? element.className} ` +
    (element.textContent || '').trim().slice(0, 40);
  const seen = [widget, ...widget.querySelectorAll('*')].filter(e => e.checkVisibility() &&
    !e.closest('.hpt-hidden, .widget-readout, select') && getComputedStyle(e).position !== 'absolute');
  const wide = seen.filter(e => !e.closest('svg') || e.tagName === 'svg')
    .filter(e => e.getBoundingClientRect().right > right).map(e => `runs out of its cell: ${name(e)}`);
  const bars = seen.filter(e => !(e instanceof SVGElement) && !['INPUT', 'TEXTAREA'].includes(e.tagName))
    .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1 ||
      ['auto', 'scroll'].includes(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 1)
    .filter(e => !e.querySelector('table.hpt-trials')).map(e => `has a scroll bar: ${name(e)}`);
  return [...wide, ...bars];
})"""

# Texts whose contrast to what lies behind them is below 4.5, as in the web's accessibility guidelines (WCAG 2).
CONTRAST = """() => {
  const parts = colour => { const found = colour.match(/[\\d.]+/g).map(Number);
    return found.length < 4 ? [...found, 1] : found; };
  const bright = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 :
    ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]);
  const paper = element => { const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const layer = parts(getComputedStyle(e).backgroundColor);
      if (layer[3]) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]); };
  const bar = text => { const box = text.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    return [...text.closest('svg').querySelectorAll('rect')].filter(shape => { const r = shape.getBoundingClientRect();
      return r.left <= x && x <= r.right && r.top <= y && y <= r.bottom && getComputedStyle(shape).fill !== 'none' &&
        shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING; }).map(shape => {
      const look = getComputedStyle(shape), [r, g, b, a] = parts(look.fill);
      return [r, g, b, a * look.fillOpacity * look.opacity]; }); };
  const found = [];
  for (const widget of document.querySelectorAll('.jp-OutputArea .hpt')) {
    const walk = document.createTreeWalker(widget, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const words = walk.currentNode.textContent.trim(), element = walk.currentNode.parentElement;
      if (!words || !element.checkVisibility({visibilityProperty: true}) ||
          element.closest('style, script, title, option, .hpt-hidden, :disabled')) continue;
      const look = getComputedStyle(element), drawn = element.closest('svg');
      const back = (drawn ? bar(element) : []).reduce((below, layer) => over(layer, below), paper(drawn || element));
      const front = over(parts(drawn ? look.fill : look.color), back);
      const [one, other] = [bright(front), bright(back)].sort((a, b) => b - a);
      const ratio = (one + 0.05) / (other + 0.05);
      if (ratio < 4.5) found.push(`${ratio.toFixed(1)}: ${words.slice(0, 40)} (${drawn ? look.fill : look.color})`);
    }
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("width", [1280, 900])
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_widgets_fit_and_can_be_read(gallery, lab, theme, width):
    gallery.set_viewport_size({"width": width, "height": 1400})
    lab.command(gallery, "apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    gallery.wait_for_timeout(800)  # for the new style sheet
    assert gallery.locator(".jp-OutputArea .hpt").count() >= len(widget_cells()) - 1
    faults = [*gallery.evaluate(ROOM), *gallery.evaluate(CONTRAST)]
    assert not faults, "\n".join(faults)
