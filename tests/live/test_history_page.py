"""The history's page in a real browser, over real calls: seen as they come, found, played, and refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import img2pdf
import pytest
from PIL import Image, ImageDraw

from ivrc.history import cel
from ivrc.history.accounts import Accounts
from ivrc.history.store import Filter
from ivrc.testbed import browser as browsers
from ivrc.testbed.sip_xml import answers, expect_answer, hangup, pause, silent, talk, wait_hangup
from tests.live.lab import MakeLab, number
from tests.live.test_history import OFFICE, Kept, line_of

pytestmark = pytest.mark.live
PASSWORD = "correct horse"
DESK, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}
TALKED, MESSAGE, TO_ANNA = "+79160020001", "+79160020002", "+79160020003"
SHORT, SHORTER = "+79160020005", "+79160020006"
Open = Callable[..., Any]


class Page:
    """The page over the history of a lab."""

    def __init__(self, kept: Kept, address: str) -> None:
        self.kept = kept
        self.address = address

    def call(self, caller: str) -> int:
        """The id of a caller's call, all of which is there."""
        return int(self.kept.last(caller)["id"])


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ivrc's, until the end of the block."""
    process = subprocess.Popen([sys.executable, "-m", "ivrc", *command], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(15) == 0


def skip_without_browser() -> None:
    """Where there is none; continuous integration says that there must be one."""
    if browsers.found() is None and os.environ.get("IVRC_BROWSER") != "1":
        pytest.skip("no Chromium here: python -m ivrc.testbed.tools")


@pytest.fixture(scope="module")
def served(make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A history with a conversation and a message to Anna, its page, and three accounts."""
    skip_without_browser()
    files = cel.settings()
    files["cel.conf"] += "[manager]\nenabled=yes\n"
    lab = make_lab(OFFICE, prompts={"greeting": 0.5}, phones=["anna", "boris"], settings=files)
    kept = Kept(lab, tmp_path_factory.mktemp("history"))
    accounts = Accounts(kept.store)
    accounts.add("boss", "admin", "", "", PASSWORD)
    accounts.add("anna", "employee", "lab", "anna", PASSWORD)
    accounts.add("boris", "employee", "lab", "boris", PASSWORD)
    phones = {"anna": silent(), "boris": answers(0.5, talk=True)}
    script = [expect_answer(), talk(6.0), hangup()]
    assert lab.call(number(1), script, phones, from_=TALKED)[0].ok
    script = [expect_answer(), pause(0.5), talk(3.0), hangup()]
    assert lab.call(number(4), script, from_=TO_ANNA)[0].ok
    config = str(kept.config)
    with (
        started("history", "serve", "--listen", "127.0.0.1:0", "--config", config) as server,
        started("history", "collect", "--follow", "--config", config),
    ):
        assert server.stdout
        yield Page(kept, server.stdout.readline().strip())
    kept.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    skip_without_browser()
    with browsers.running() as running:
        yield running


@pytest.fixture
def open_page(served: Page, browser: Any) -> Iterator[Open]:
    """`open_page("boss")` logs in; a fault of the page's script or a breach of its policy fails the test."""
    complaints: list[str] = []
    contexts = []

    def opened(name: str, size: dict[str, int] | None = None, **options: Any) -> Any:
        context = browser.new_context(viewport=size or DESK, base_url=served.address, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Security Policy" in said.text else None)
        page.goto("/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector("#list")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def until(where: Any, condition: str, also: Callable[[], bool] = lambda: True) -> None:
    """Wait until a function holds. (Playwright's own way evaluates a text, which the page's policy forbids.)"""
    limit = time.monotonic() + 20
    while not (where.evaluate(condition) and also()):
        assert time.monotonic() < limit, condition
        time.sleep(0.05)


def play(page: Any) -> None:
    """Press `p` and see that time goes by in what is played."""
    audio = page.locator("article.call audio").first
    until(page, "() => document.querySelector('article.call audio').readyState > 0")
    assert audio.evaluate("a => a.duration") > 1.5
    page.keyboard.press("p")
    until(page, "() => document.querySelector('article.call audio').currentTime > 0.7")
    page.keyboard.press("p")
    assert audio.evaluate("a => a.paused")


def test_call_is_seen_as_it_comes_and_its_message_played(served: Page, open_page: Open) -> None:
    page = open_page("boss")
    assert page.locator("a.row", has_text=MESSAGE).count() == 0
    script = [expect_answer(), pause(1.2), talk(3.0), hangup()]
    assert served.kept.lab.call(number(3), script, from_=MESSAGE)[0].ok
    row = page.locator("a.row", has_text=MESSAGE)
    row.get_by_text("left a message of").wait_for()
    row.click()
    step = page.locator("ol.journey li.step", has_text='voicemail "greeting" for 20s')
    assert step.locator(".place").inner_text().endswith(f":{line_of('scenario message')}")
    play(page)


def address(page: Any) -> str:
    """The document's own: `page.url` is told by an event that may come after what is shown."""
    return str(page.evaluate("location.href"))


def test_call_is_found(served: Page, open_page: Open) -> None:
    page = open_page("boss")
    page.keyboard.press("/")
    page.keyboard.type("8 (916) 002-00-01")
    until(page, "() => document.querySelectorAll('a.row').length === 1")
    assert TALKED in page.locator("a.row").inner_text()
    assert "search=" in address(page)
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("article.call")
    assert re.search(r"/calls/\d+\?search=", address(page))
    assert page.get_by_text("talked with Boris for").count() == 1
    play(page)
    page.reload()
    assert page.locator("a.row").count() == 1, "the address tells all of it"
    assert page.locator("a.row[aria-current]").count() == 1
    page.go_back()
    page.wait_for_selector("article.call", state="detached")
    assert page.locator("#search").input_value() == "8 (916) 002-00-01"


def test_filters(served: Page, open_page: Open) -> None:
    page = open_page("boss")
    page.keyboard.press("f")
    page.get_by_label("Outcome").select_option("talked")
    until(page, "() => document.querySelectorAll('a.row').length === 1")
    assert page.locator("#filter-count").inner_text() == "1"
    assert address(page).endswith("/?outcome=talked")
    page.get_by_label("Employee").fill("nobody")
    page.get_by_text("No calls like that").wait_for()


class Held:
    """The page's looks for something new: the first one's answer is there, and kept back."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._kept: list[tuple[Any, Any]] = []
        self.ended: list[Any] = []
        page.on("requestfinished", lambda request: self.ended.append(request))
        page.route(lambda address: urlsplit(address).path == "/", self._take)

    def _take(self, route: Any) -> None:
        if self._kept or urlsplit(route.request.url).query:
            route.continue_()
        else:
            self._kept.append((route, route.fetch()))

    def wait(self) -> None:
        """Until there is one."""
        until(self._page, "() => true", lambda: bool(self._kept))

    def release(self, then: str) -> None:
        """Let the answer come, and wait until the page has looked once more, by a query."""
        route, answer = self._kept[0]
        route.fulfill(response=answer)

        def is_over() -> bool:
            after = self.ended[self.ended.index(route.request) + 1 :] if route.request in self.ended else []
            return then in [urlsplit(request.url).query for request in after]

        until(self._page, "() => true", is_over)
        self._page.wait_for_timeout(200)


def test_call_that_comes_while_the_page_looks_is_seen(served: Page, open_page: Open) -> None:
    page = open_page("boss")
    held = Held(page)
    call = [expect_answer(), wait_hangup()]
    assert served.kept.lab.call(number(5), call, from_=SHORT)[0].ok
    held.wait()
    assert served.kept.lab.call(number(5), call, from_=SHORTER)[0].ok
    until(page, "() => true", lambda: bool(served.kept.store.find(Filter(caller=SHORTER))))
    page.wait_for_timeout(2500)  # the server looks once a second
    held.release("")
    assert page.locator("a.row", has_text=SHORTER).count() == 1


def test_list_asked_for_before_a_filter_does_not_replace_what_it_found(served: Page, open_page: Open) -> None:
    page = open_page("boss")
    held = Held(page)
    assert served.kept.lab.call(number(5), [expect_answer(), wait_hangup()], from_=SHORT)[0].ok
    held.wait()
    page.keyboard.press("f")
    page.get_by_label("Outcome").select_option("talked")
    until(page, "() => document.querySelectorAll('a.row').length === 1")
    page.evaluate("""() => {
        const count = () => window.counts.push(document.querySelectorAll('a.row').length);
        window.counts = [];
        document.addEventListener('htmx:afterSwap', count);
    }""")
    held.release("outcome=talked")
    assert set(page.evaluate("() => window.counts")) == {1}
    assert page.locator("#filter-count").inner_text() == "1"


def test_fax_is_seen(served: Page, open_page: Open) -> None:
    call = served.call(TALKED)
    folder = served.kept.settings.media / "fax"
    folder.mkdir(parents=True, exist_ok=True)
    images = [Image.new("1", (1728, 1100), 1) for _ in range(2)]
    for image in images:
        ImageDraw.Draw(image).rectangle((100, 100, 900, 300), fill=0)
    tiff = folder / "seen.tiff"
    images[0].save(tiff, save_all=True, append_images=images[1:], compression="group4", dpi=(204, 98))
    tiff.with_suffix(".pdf").write_bytes(img2pdf.convert(str(tiff)))
    row = {"kind": "fax", "path": str(tiff.with_suffix(".pdf")), "source": str(tiff), "seconds": 0.0, "pages": 2}
    served.kept.store.add_media(call, [{**row, "status": "SUCCESS", "sender": "+49 40 1", "size": 1}])
    page = open_page("boss")
    page.goto(f"/calls/{call}")
    for sheet in (page.get_by_alt_text("Page 1 of the fax"), page.get_by_alt_text("Page 2 of the fax")):
        sheet.scroll_into_view_if_needed()
        until(sheet, "image => image.complete && image.naturalWidth > 0")
        size = sheet.bounding_box()
        assert size["height"] / size["width"] == pytest.approx(1100 / 98 / (1728 / 204), rel=0.02)
    response = page.request.get(page.get_by_role("link", name="PDF").get_attribute("href"))
    assert response.body().startswith(b"%PDF")


def test_employees_see_their_own_and_are_refused_others(served: Page, open_page: Open) -> None:
    """Anna has a message in her mailbox; of the conversation she rang for, but did not take, no recording is hers."""
    mailbox, talked = served.call(TO_ANNA), served.call(TALKED)
    recording = next(each["id"] for each in served.kept.last(TALKED)["media"] if each["kind"] == "recording")
    if not served.kept.last(TO_ANNA)["media"]:
        pytest.skip("this Asterisk has no voicemail")
    page = open_page("anna")
    assert page.locator(f"#call-{mailbox}").count() == page.locator(f"#call-{talked}").count() == 1
    page.locator(f"#call-{mailbox}").click()
    page.wait_for_selector("article.call")
    play(page)
    page.goto(f"/calls/{talked}")
    assert page.locator("article.call audio").count() == 0
    assert page.request.get(f"/media/{recording}").status == 404
    page = open_page("boris")
    assert page.locator(f"#call-{mailbox}").count() == 0
    assert page.goto(f"/calls/{mailbox}").status == 404
    assert page.get_by_text("not one of yours").count() == 1
    assert page.request.get(f"/media/{recording}").status == 200


def test_keys(served: Page, open_page: Open) -> None:
    page = open_page("boss")

    def focused() -> str:
        return str(page.evaluate("document.activeElement.id"))

    rows = page.locator("a.row").evaluate_all("rows => rows.map(row => row.id)")
    page.keyboard.press("j")
    assert focused() == rows[0]
    page.keyboard.press("j")
    assert focused() == rows[1]
    page.keyboard.press("k")
    assert focused() == rows[0]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus is seen"
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    page.keyboard.press("Enter")
    page.wait_for_selector("article.call")
    page.keyboard.press("Escape")
    assert page.locator("article.call").count() == 0
    assert focused() == rows[0], "back where it was opened from"
    page.keyboard.press("/")
    assert focused() == "search"
    page.keyboard.type("j?")
    assert page.locator("#search").input_value() == "j?", "keys that are typed are text"


def test_on_a_phone(served: Page, open_page: Open) -> None:
    page = open_page("boss", PHONE, is_mobile=True, has_touch=True)
    row = page.locator("a.row", has_text=TALKED)
    row.tap()
    page.wait_for_selector("article.call")
    assert not page.locator("#list").is_visible(), "one thing at a time"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "nothing sticks out"
    page.get_by_label("Close, back to the list").tap()
    assert page.locator("#list").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_without_script_it_works_by_links_and_forms(served: Page, open_page: Open) -> None:
    page = open_page("boss", java_script_enabled=False)
    page.locator("#search").fill("0020001")
    page.locator("#search").press("Enter")
    page.wait_for_url("**/?search=0020001*")
    assert page.locator("a.row").count() == 1
    page.locator("a.row").click()
    page.wait_for_selector("article.call audio")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    assert page.goto("/").url.endswith("/login")
