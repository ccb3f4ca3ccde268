"""What the widgets share: colours that follow JupyterLab's theme, text made safe for a page, a box with a short name.

Everything is plain HTML in ipywidgets' `HTML`, with JupyterLab's own variables for colours, so that a dark theme needs
nothing more. Elsewhere, for example in an exported page, the second colour of each `var(...)` is used.
"""

import math
import re
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

TEXT, MUTED = "var(--jp-ui-font-color1, #212121)", "var(--hpt-muted)"
PAPER, LINE = "var(--jp-layout-color1, #fff)", "var(--jp-border-color1, #bdbdbd)"
RED, GREEN = "var(--hpt-red)", "var(--hpt-green)"
FAINT = "var(--jp-layout-color2, #eee)"

# ipywidgets draws the arrow of a list in black, which a dark theme swallows: there it gets a light one of its own.
# Vermillion and green, darkened for text on white and brightened for text on black: at least 4.5 to 1.
CSS = """<style>
.hpt { --hpt-red: #b34700; --hpt-green: #007a59; --hpt-blue: #0072b2; --hpt-orange: #c98600;
  --hpt-muted: #595959; max-width: 980px;
  color: var(--jp-ui-font-color1, #212121); }
[data-jp-theme-light="false"] .hpt { --hpt-red: #ff9a5c; --hpt-green: #4fd1a8; --hpt-blue: #56b4e9;
  --hpt-orange: #e69f00; --hpt-muted: #b0b0b0;
  --jp-widgets-dropdown-arrow: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E\
%3Cpath fill='none' stroke='%23e0e0e0' stroke-width='2' d='M5 7l4 4 4-4'/%3E%3C/svg%3E"); }
.hpt .hpt-hidden, .hpt .hpt-unlabelled > .widget-label { position: absolute; width: 1px; height: 1px; margin: 0;
  padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; border: 0; }
.hpt .widget-html-content { line-height: 1.45; font-size: 14px; color: inherit; }
.hpt .widget-html { height: auto; }
.hpt code { font-size: 13px; padding: 0 3px; background: var(--jp-layout-color2, #eee); color: inherit; }
.hpt .widget-button:focus-visible, .hpt input:focus-visible, .hpt select:focus-visible {
  outline: 2px solid var(--hpt-blue); outline-offset: 1px; }
.hpt-side > * { flex: 0 1 480px; min-width: 0; }
.hpt-room { display: grid; }
.hpt-room > *, .hpt-room::after { grid-area: 1 / 1; }
.hpt-room::after { content: attr(data-room); white-space: pre-wrap; visibility: hidden; }
.hpt .widget-radio-box label { height: auto; min-height: 26px; line-height: 1.4; white-space: normal;
  display: flex; align-items: center; justify-content: flex-start; gap: 6px; font-size: 14px;
  padding: 2px 0; margin: 0; }
.hpt .widget-radio-box { height: auto; width: 100%; max-width: none; margin-bottom: 0; }
.hpt .widget-radio { width: 100%; height: auto; }
.hpt .widget-checkbox { height: auto; min-height: 26px; width: 100%; display: flex; align-items: center; }
.hpt .widget-checkbox label { white-space: normal; line-height: 1.4; font-size: 14px; height: auto;
  display: flex; align-items: baseline; gap: 6px; }
.hpt .widget-checkbox input, .hpt .widget-radio input { flex: none; margin: 0; order: -1; align-self: center; }
</style>"""

# ipywidgets gives the handle of a slider, and the number beside it that can be typed over, no name that can be read
# aloud: they get that of the label, by a script that runs when this picture of one pixel is there. And what is read as
# the value has few digits, 0.15 for 0.15000000000000002. Without it the sliders work all the same.
NAME_SLIDERS = """<img alt="" width="1" height="1" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
onload="const box = this.closest('.hpt'), name = () => { for (const handle of
box.querySelectorAll('[role=slider], .widget-readout[contenteditable=true]')) {
const row = handle.closest('.widget-inline-hbox'), label = row && row.querySelector('.widget-label');
if (label) handle.setAttribute('aria-label', label.textContent);
if (!handle.hasAttribute('role')) handle.setAttribute('role', 'textbox');
if (!handle.hptRound) { handle.hptRound = () => { const text = handle.getAttribute('aria-valuetext') || '';
const few = String(Number(Number(text).toPrecision(6)));
if (text && few !== 'NaN' && few !== text) handle.setAttribute('aria-valuetext', few); }; handle.hptRound();
new MutationObserver(handle.hptRound).observe(handle, {attributeFilter: ['aria-valuetext']}); } } };
if (box) { name(); setTimeout(name, 500); setTimeout(name, 3000); }">"""

# JupyterLab takes letters and arrows for its own commands whenever the keyboard is on something that is not typed into:
# on a button `d d` deletes the cell, on a list an arrow goes to the next one. Its shortcuts skip an element with this
# attribute. They listen at the document, so the window, which hears a key before, sets it on what has the keyboard (on
# the root it would come too late: the selectors of command mode match the element itself), but not while the key has
# Ctrl, Alt or Cmd, or is Shift-Enter: Ctrl-S still saves, Shift-Enter still runs the cell. Only Ctrl-Z is never the
# notebook's, which would take back a change of its cells. Once for a page, whatever number of widgets it has.
OWN_KEYS = """<img alt="" width="1" height="1" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
onload="if (!window.hptOwnKeys) { window.hptOwnKeys = true; window.addEventListener('keydown', event => {
const here = event.target, own = here.closest && here.closest('.hpt');
const command = (event.ctrlKey || event.metaKey || event.altKey) && event.key !== 'z';
const run = event.shiftKey && event.key === 'Enter';
if (own) here.toggleAttribute('data-lm-suppress-shortcuts', !command && !run); }, true); }">"""


def inline(text: str) -> str:
    """HTML of a sentence: `code` and *stress* as in Markdown, everything else is only text."""
    pieces = re.split(r"(`[^`]+`)", text.strip())
    return "".join(f"<code>{escape(p[1:-1])}</code>" if p[:1] == "`" and len(p) > 2 else _stressed(p) for p in pieces)


def _stressed(text: str) -> str:
    return re.sub(r"(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])", r"<em>\1</em>", escape(text))


def unbroken(html: str) -> str:
    """The same HTML, in which no number like 1e-5 is parted at the end of a line."""
    return re.sub(r"[\d.]+e-\d+", r'<span style="white-space: nowrap">\g<0></span>', html)


def plain(text: str) -> str:
    """The same sentence where no HTML can stand, for example beside a button to tick."""
    return re.sub(r"`([^`]+)`", r"\1", text.strip())


WRAP = {"flex_flow": "row wrap", "overflow": "visible"}  # of a row that breaks where the page is narrow


def field(
    kind: type,
    setting: str,
    words: str,
    model: Any,
    changed: Callable[[str, Any], None],
    label: str = "120px",
    width: str = "312px",
    **options: Any,
) -> widgets.ValueWidget:
    """A field for one setting of a model; `changed(setting, value)` hears what is chosen."""
    style, layout = {"description_width": label}, {"width": width, "max_width": "100%"}
    made = kind(value=getattr(model, setting), description=words, style=style, layout=layout, **options)
    made.observe(lambda change: changed(setting, change.new), "value")
    return made


class Panel(widgets.VBox):
    """A box with the common look and a short repr: notebooks store it as the text of an output."""

    def __init__(self, children: list[widgets.Widget], name: str, **options: Any) -> None:
        self._name = name
        super().__init__([widgets.HTML(CSS + OWN_KEYS, layout={"display": "none"}), *children], **options)
        self.add_class("hpt")

    def __repr__(self) -> str:
        return self._name

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**options), "text/plain": self._name}


def status(words: str, *letters: int) -> str:
    """Words that change, in room that does not: what stands below stays in its place.

    `letters` has the most letters of each paragraph (they are separated by `<br>`). The room is that of as many letters
    in invisible words, so that it grows where the page is narrow and lines wrap.
    """
    room = "&#10;".join("batch=0.00 " * math.ceil(count / len("batch=0.00 ")) for count in letters)
    return f'<div class="hpt-room" data-room="{room}"><div role="status">{words}</div></div>'


def hidden(text: str) -> str:
    """Text for those who listen to the page, not look at it."""
    return f'<span class="hpt-hidden">{escape(text)}</span>'
