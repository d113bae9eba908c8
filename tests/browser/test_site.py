"""The website in a real browser: the drawing page names drawings, and says what Python says.

`make test-browser` runs this; plain pytest does not. The pages come from a static file server.
"""

from __future__ import annotations

import base64
import functools
import http.server
import importlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "build" / "site" / "html"
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
PAD, TOP, STATUS = "#draw-pad canvas", "#draw-top li", "#draw-status"
LISTEN = """() => {
  window.answers = [];
  document.querySelector("#draw-page").addEventListener("clipedu-ranked", ({ detail }) => {
    const { strokes, pixels, embedding, top } = detail;
    const png = document.querySelector("#draw-pad canvas").toDataURL(); // what a person sees
    const picture = { png, pixels: [...pixels], embedding: [...embedding] };
    window.answers.push({ ...picture, strokes: structuredClone(strokes), top, at: Date.now() });
  });
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the website, made anew where something in it has changed."""
    if shutil.which("npm") is None and not (ROOT / "build" / "site" / "static").is_dir():
        (pytest.fail if CI else pytest.skip)("no drawing page: npm is not installed")
    made = subprocess.run(
        [sys.executable, "docs/site/make.py"], cwd=ROOT, capture_output=True, text=True
    )
    if "could not bring it" in made.stderr:  # a machine without npm's packages
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def open_page(browser: Any, site: str) -> Iterator[Callable[..., Any]]:
    """`open_page("index.html", width=800)`; at the end no error, and no request elsewhere."""
    contexts, errors, asked = [], [], set()

    def opened(path: str, width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{site}/{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def front(open_page: Callable[..., Any]) -> Any:
    """The front page, when it has named its example."""
    page = open_page("index.html", has_touch=True)
    page.locator(TOP).first.wait_for()
    page.evaluate(LISTEN)
    return page


def says(page: Any, words: str) -> str:
    """Waits until the status holds these words; its text."""
    page.locator(STATUS, has_text=words).wait_for()
    return str(page.locator(STATUS).inner_text())


def names(page: Any) -> list[str]:
    return [str(text) for text in page.locator(f"{TOP} span:first-child").all_inner_texts()]


def clear(page: Any) -> None:
    page.get_by_role("button", name="Clear").click()
    says(page, "Nothing is drawn yet")
    page.evaluate("window.answers = []")


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator(PAD).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def settled(page: Any, strokes: object = None) -> dict[str, Any]:
    """The last answer (to these strokes), when no other has come for a while."""
    ready = """(strokes) => {
      const last = window.answers.at(-1);
      const fits = last && (!strokes || JSON.stringify(last.strokes) === JSON.stringify(strokes));
      return fits && Date.now() - last.at > 800;
    }"""
    page.wait_for_function(ready, arg=strokes)
    return dict(page.evaluate("window.answers.at(-1)"))


# ------------------------------------------------------------------------------ Python's answer
def test_the_page_says_what_python_says(front: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import onnxruntime

    from clipedu.evaluation import classify, embed_pictures
    from clipedu.pairs import clean_picture, to_model
    from clipedu.training import load_pretrained
    from clipedu_lessons.common.strokes import SAMPLES, draw_strokes

    sys.path.insert(0, str(ROOT / "docs" / "site"))
    every_name = importlib.import_module("page").names_to_rank()
    model, tokenizer, _ = load_pretrained()
    answers = {}
    for sample in SAMPLES:
        front.locator("#draw-sample").select_option("")
        front.locator("#draw-sample").select_option(sample)
        answers[sample] = settled(front, SAMPLES[sample])
    clear(front)
    front.locator(PAD).scroll_into_view_if_needed()
    front.mouse.move(*at(front, 0.2, 0.25))
    front.mouse.down()
    for x, y in ((0.8, 0.3), (0.25, 0.7), (0.9, 0.95)):
        front.mouse.move(*at(front, x, y), steps=6)
    front.mouse.up()
    answers["by hand"] = settled(front)

    given = torch.tensor([answer["embedding"] for answer in answers.values()])
    pictures = torch.stack([draw_strokes(answer["strokes"]) for answer in answers.values()])
    wanted = embed_pictures(model, pictures)
    assert torch.allclose(given.norm(dim=1), torch.ones(len(given)), atol=1e-3)
    worst = (1 - (given * wanted).sum(1)).max().item()
    assert worst <= 1e-3
    # What the bound is worth: two drawings differ by a hundred times as much.
    assert (1 - given @ wanted.T + 2 * torch.eye(len(given))).min() > 0.1

    seen = torch.tensor([answer["pixels"] for answer in answers.values()]) / 255
    off = (seen - pictures[:, 0].flatten(1)).abs().max().item()
    assert off <= 1 / 255 + 1e-6
    session = onnxruntime.InferenceSession(str(HTML / "_static" / "draw" / "encoder.onnx"))
    inputs = [{session.get_inputs()[0].name: to_model(one[None]).numpy()} for one in pictures]
    in_8_bits = torch.tensor(np.concatenate([session.run(None, one)[0] for one in inputs]))
    runtimes = (1 - (given * in_8_bits).sum(1)).max().item()
    assert runtimes <= 1e-3
    for name, answer, picture in zip(answers, answers.values(), pictures, strict=True):
        ranked = classify(model, tokenizer, picture, every_name, "icon")[0]
        told = {row.name: row.probability for row in ranked}
        assert max(abs(told[word] - share) for word, share in answer["top"]) <= 0.05, name
        # The first name is Python's too, or as probable as its first to within that.
        assert told[answer["top"][0][0]] >= ranked[0].probability - 0.05, name
    # The person sees the same drawing: the canvas on the page smooths its edges by another rule.
    png = [base64.b64decode(answer["png"].split(",")[1]) for answer in answers.values()]
    canvas = torch.stack([clean_picture(content) for content in png])
    assert (canvas - pictures).abs().mean((1, 2, 3)).max() <= 0.01
    with capsys.disabled():
        print(
            f"\nsame strokes: pixels differ by {255 * off:.0f} of 255; {worst:.1e} from the cosine "
            f"of Python's model, {runtimes:.1e} from that of the same 8 bits in Python"
        )


# ------------------------------------------------------------------------------------- drawing
def test_the_page_opens_with_an_answer(open_page: Callable[..., Any]) -> None:
    page = open_page("index.html")
    words = says(page, "names the model ranks first: umbrella")
    assert "Of 2,9" in words and names(page)[0] == "umbrella" and len(names(page)) == 5
    # The first stroke is drawn on a fresh sheet.
    page.evaluate(LISTEN)
    page.locator(PAD).click(position={"x": 100, "y": 100})
    assert len(settled(page)["strokes"]) == 1


def test_the_answer_follows_the_pen(front: Any) -> None:
    clear(front)
    front.locator(PAD).scroll_into_view_if_needed()
    front.mouse.move(*at(front, 0.5, 0.1))
    front.mouse.down()
    for k in range(400):  # on a busy machine the answers are slower
        front.mouse.move(*at(front, 0.5 + 0.02 * (k % 5), 0.1 + 0.002 * k))
        front.wait_for_timeout(40)
        if k >= 10 and front.evaluate("window.answers.length") >= 4:
            break
    while_down = front.evaluate("window.answers.map(({ at, strokes }) => [at, strokes[0].length])")
    front.mouse.up()
    assert len(while_down) >= 4  # before the stroke has ended
    assert [points for _, points in while_down] == sorted(points for _, points in while_down)
    pauses = [b[0] - a[0] for a, b in zip(while_down, while_down[1:], strict=False)]
    assert min(pauses) >= 75  # throttled to a dozen a second
    last = settled(front)
    assert len(last["strokes"]) == 1
    front.get_by_role("button", name="Undo").click()
    says(front, "Nothing is drawn yet")
    assert names(front) == []


def test_keys_draw(front: Any) -> None:
    clear(front)
    front.locator(PAD).focus()
    for key in (" ", *["ArrowRight"] * 6, *["ArrowDown"] * 4, " "):
        front.keyboard.press(key)
    assert settled(front)["strokes"] == [
        [[12 + k, 12] for k in range(7)] + [[18, 13 + k] for k in range(4)]
    ]
    says(front, "the model ranks first")
    said = front.locator("#draw-pad .clipedu-said").inner_text()
    assert said == "Pen up at 18 across, 16 down, of 24."


def test_a_finger_draws(front: Any) -> None:
    clear(front)
    front.locator(PAD).scroll_into_view_if_needed()
    fingers = front.context.new_cdp_session(front)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        spots = [dict(zip("xy", at(front, *point), strict=True)) for point in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    touch("touchStart", (0.2, 0.2))
    for k in range(1, 9):
        touch("touchMove", (0.2 + 0.07 * k, 0.2 + 0.07 * k))
    touch("touchEnd")
    (stroke,) = settled(front)["strokes"]
    assert len(stroke) >= 5 and stroke[-1][0] == pytest.approx(24 * 0.76, abs=0.3)


# -------------------------------------------------------------------------------- one's own list
def test_ones_own_list(front: Any) -> None:
    field, unknown = front.locator("#draw-names"), front.locator("#draw-unknown")
    front.locator("#draw-sample").select_option("umbrella")
    field.fill("House,  ice   cream, umbrella, umbrella")
    says(front, "Of 3 names")
    assert names(front)[0] == "umbrella"
    assert set(names(front)) == {"house", "ice cream", "umbrella"} and not unknown.is_visible()
    field.fill("umbrella, robot arm, qwxyz, house")
    says(front, "Of 2 names")
    words = unknown.inner_text()
    assert words.startswith("Unknown here: “robot arm” (known: robot") and ", “qwxyz”." in words
    assert "alarm" not in words
    field.fill("qwxyz")
    says(front, "Of 2,9")
    assert "It ranks all of them" in unknown.inner_text()
    field.fill("umbrella")
    says(front, "Of 1 name the model ranks first: umbrella >99%")
    assert "no choice" in unknown.inner_text()
    field.fill("")
    says(front, "Of 2,9")
    assert not unknown.is_visible()


# ------------------------------------------------------------------------------- for everybody
CONTRAST = """(selector) => {
  const context = document.createElement("canvas").getContext("2d");
  const rgb = (color) => {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (color) => {
    const [r, g, b] = rgb(color).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const text = light(getComputedStyle(document.querySelector(selector)).color);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800, 390])
def test_light_and_dark_wide_and_narrow(
    open_page: Callable[..., Any], scheme: str, width: int
) -> None:
    page = open_page("index.html", width, color_scheme=scheme)
    page.locator(TOP).first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (TOP, STATUS, "#draw-pad .clipedu-keys", "label[for=draw-names]"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    if width == 390:  # what one needs to draw is in sight without scrolling
        box = page.locator(PAD).bounding_box()
        assert box["width"] >= 240 and box["y"] + box["height"] <= 1000


def test_the_controls_have_names_and_an_order(front: Any) -> None:
    pad = front.locator(PAD)
    assert pad.get_attribute("aria-label") == "Draw here" and pad.get_attribute("tabindex") == "0"
    for name in ("Example", "Pen", "Choose among these"):
        assert front.get_by_label(name).count() == 1, name
    assert front.locator("#draw-seen").get_attribute("aria-label")
    assert front.get_by_role("list", name="The five most probable names").count() == 1
    pad.focus()
    order = []
    for _ in range(5):
        front.keyboard.press("Tab")
        order.append(front.evaluate("document.activeElement.id"))
    assert order == ["draw-undo", "draw-clear", "draw-sample", "draw-pen", "draw-names"]


# ------------------------------------------------------------------------------ the other pages
def test_a_lesson_has_typeset_formulas_and_collapsed_answers(open_page: Callable[..., Any]) -> None:
    page = open_page("notebooks/03_the_contrastive_loss.html")
    page.locator("mjx-container svg").first.wait_for()
    left = page.evaluate("document.querySelectorAll('.math').length")
    assert page.locator("mjx-container").count() == left > 20
    assert page.locator("mjx-merror, [data-mml-node=merror]").count() == 0
    answer = page.locator("details", has=page.locator("summary", has_text="Answer")).first
    inside = answer.locator("p").first
    assert not inside.is_visible()
    answer.locator("summary").click()
    assert inside.is_visible()
    figure = page.locator("img.figure").first
    figure.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img.figure').naturalWidth > 100")
    assert len(figure.get_attribute("alt")) > 20


def test_the_search_finds_a_lesson(open_page: Callable[..., Any]) -> None:
    page = open_page("search.html?q=temperature")
    page.locator("#search-results li").first.wait_for()
    none = open_page("search.html?q=zzqqxx")
    none.locator("#search-results p", has_text="did not match").wait_for()
    assert none.locator("#search-results li").count() == 0
