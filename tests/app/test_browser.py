"""The page in a real browser, from a dropped video to the file that is downloaded."""

import base64
import hashlib
import itertools
import time
import zipfile
from pathlib import Path

import av
import pytest
from playwright.sync_api import Page, expect

from ccstereo import DEFAULT_WEIGHTS
from ccstereo.media import probe

WAIT = 120_000  # ms; one core may serve the browser, the network and other tests


def choose(page: Page, *paths: Path) -> None:
    page.locator("#uploads input[type=file]").set_input_files(paths)
    for path in paths:
        expect(page.locator("#uploads li", has_text=path.name)).to_be_visible(timeout=WAIT)


def make(page: Page) -> None:
    page.get_by_role("button", name="Make it binaural").click()


def done(page: Page) -> None:
    make(page)
    expect(page.locator("#status")).to_contain_text("Done", timeout=WAIT)
    expect(page.locator("#download")).to_be_visible(timeout=WAIT)


def download(page: Page, folder: Path, link: str = "#download") -> Path:
    with page.expect_download(timeout=WAIT) as found:
        page.locator(link).click()
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


def frames_of(path: Path) -> str:
    """A checksum of the video's packets."""
    with av.open(str(path)) as container:
        content = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    return hashlib.sha256(b"".join(content)).hexdigest()


def levels(page: Page) -> tuple[float, float]:
    """dB of both ears, as they are played now."""
    return tuple(float(page.locator(f"#{ear}").get_attribute("data-db") or -120) for ear in ("left", "right"))


def play_until(page: Page, wanted, seconds: float = 20) -> tuple[float, float]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = levels(page)
        if wanted(*found):
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"levels stayed at {found}")


def test_from_drop_to_download(page, server, make_video, tmp_path) -> None:
    clip = make_video("a clip, ünusual.mp4", seconds=6.0)
    content = base64.b64encode(clip.read_bytes()).decode()
    transfer = page.evaluate_handle(
        """([name, content]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)), transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name, { type: "video/mp4" }));
          return transfer;
        }""",
        [clip.name, content],
    )
    page.locator("#uploads .drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator("#uploads li")).to_contain_text(clip.name, timeout=WAIT)
    done(page)
    expect(page.locator("#preview")).to_be_hidden()

    video = page.locator("#video")
    video.evaluate("video => { video.loop = true; return video.play(); }")
    play_until(page, lambda left, right: left > -50 and abs(left - right) > 0.3)
    before = video.evaluate("video => video.currentTime")
    page.get_by_role("radio", name="Mono").click()
    play_until(page, lambda left, right: left > -50 and abs(left - right) < 0.05)
    assert not video.evaluate("video => video.paused")
    assert video.evaluate("video => video.currentTime") != before
    page.get_by_role("radio", name="Binaural").click()
    play_until(page, lambda left, right: left > -50 and abs(left - right) > 0.3)
    video.evaluate("video => video.pause()")

    slider = page.get_by_role("slider", name="Position")
    video.evaluate("video => { video.currentTime = 2; }")
    slider.press("ArrowRight")
    assert video.evaluate("video => video.currentTime") == pytest.approx(3, abs=0.1)
    expect(page.locator("#map p")).to_contain_text("Relevance map at")
    assert page.locator("#level polyline").get_attribute("points").count(",") > 50
    assert page.locator("#spectrogram").evaluate("image => image.naturalWidth") > 100

    result = download(page, tmp_path)
    assert result.name == "a clip, ünusual.binaural.mp4"
    info = probe(result, require_video=True, require_audio=True)
    assert (info.audio.channels, info.audio.sample_rate) == (2, 48_000)
    assert info.duration == pytest.approx(6, abs=0.15)
    assert frames_of(result) == frames_of(clip)


def take_longer(page: Page) -> None:
    """With the package's weights instead of small ones."""
    page.locator("#weights input").click()
    page.get_by_role("option", name=DEFAULT_WEIGHTS).click()


def test_cancel_leaves_no_file(page, server, make_video) -> None:
    choose(page, make_video("long.mp4", seconds=29.0))
    before = server.files()
    take_longer(page)
    make(page)
    expect(page.locator("#status .numbers")).to_contain_text(" of 29", timeout=WAIT)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#status")).to_contain_text("Cancelled", timeout=WAIT)
    assert server.files() <= before  # those of a page that was closed may have gone meanwhile
    expect(page.get_by_role("button", name="Make it binaural")).to_be_enabled()


def test_people_wait_in_a_queue_and_see_their_places(browser, server, make_video) -> None:
    """One is served; two wait, and move up as those before them go."""
    pages = [browser.new_page() for _ in range(3)]
    for page, name in zip(pages, ("long.mp4", "second.mp4", "third.mp4"), strict=True):
        page.goto(server.address)
        page.get_by_text("Drop a video here").wait_for(timeout=WAIT)
        choose(page, make_video(name, seconds=29.0 if name == "long.mp4" else 2.0))
    served, second, third = pages
    take_longer(served)
    make(served)
    expect(served.locator("#status .numbers")).to_contain_text(" of 29", timeout=WAIT)
    make(second)
    expect(second.locator("#status")).to_contain_text("In the queue: 1 before yours.", timeout=WAIT)
    make(third)
    expect(third.locator("#status")).to_contain_text("In the queue: 2 before yours.", timeout=WAIT)
    second.get_by_role("button", name="Cancel").click()
    expect(third.locator("#status")).to_contain_text("In the queue: 1 before yours.", timeout=WAIT)
    served.get_by_role("button", name="Cancel").click()
    expect(third.locator("#status")).to_contain_text("Done", timeout=WAIT)
    expect(second.locator("#status")).to_contain_text("Cancelled")
    for page in pages:
        page.close()


def test_what_cannot_be_taken_is_said(page, make_video, tmp_path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all\n" * 100)
    choose(page, text)
    make(page)
    expect(page.get_by_role("alert").filter(has_text="notes.mp4: is a text file")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Remove notes.mp4").click()
    expect(page.locator("#uploads li")).to_have_count(0)

    make(page)
    expect(page.locator("#status")).to_contain_text("there is no video yet", timeout=WAIT)
    choose(page, make_video("too long.mp4", seconds=31.0))
    make(page)
    expect(page.locator("#status")).to_contain_text("too long.mp4: is 31 s long", timeout=WAIT)

    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(5_000_001))
    page.locator("#uploads input[type=file]").set_input_files(large)
    expect(page.locator("#uploads #error")).to_contain_text("large.mp4: is larger than 5 MB")


@pytest.mark.parametrize(("codec", "name", "written"), [("libx265", "new.mp4", "hevc"), ("mpeg4", "old.avi", "mpeg4")])
def test_what_no_browser_plays_is_whole_and_has_a_preview(page, make_video, tmp_path, codec, name, written) -> None:
    clip = make_video(name, codec)
    choose(page, clip)
    done(page)
    expect(page.locator("#preview")).to_be_visible()
    loaded = (
        "video => new Promise((done) => (video.readyState >= 2 ? done() : video.addEventListener('loadeddata', done)))"
    )
    page.locator("#video").evaluate(loaded)
    expect(page.locator("#broken")).to_be_hidden()
    result = download(page, tmp_path)
    info = probe(result, require_video=True, require_audio=True)
    assert (info.video.codec, info.audio.channels) == (written, 2)
    assert frames_of(result) == frames_of(clip)


def test_several_files_are_one_archive(page, make_video, tmp_path) -> None:
    choose(page, make_video("one.mp4"), make_video("two.mp4"))
    done(page)
    with zipfile.ZipFile(download(page, tmp_path, "#zip")) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["one.binaural.mp4", "two.binaural.mp4"]


def test_what_the_webcam_recorded(page, tmp_path) -> None:
    """A browser's own recording does not declare its length."""
    page.get_by_role("button", name="Record with the webcam").click()
    expect(page.locator("#camera")).to_be_visible(timeout=WAIT)
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop recording").click()
    expect(page.locator("#uploads li")).to_contain_text("webcam.", timeout=WAIT)
    done(page)
    info = probe(download(page, tmp_path), require_video=True, require_audio=True)
    assert info.audio.channels == 2
    assert info.duration > 1


@pytest.mark.parametrize("width", [390, 1400])
def test_nothing_overlaps(page, make_video, tmp_path, width) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    choose(page, make_video("clip.mp4"))
    done(page)
    # The map is painted a little later than the rest.
    painted = """async (image) => {
        for (let k = 0; k < 500 && !image.naturalWidth; k++) await new Promise((on) => setTimeout(on, 20));
        return image.naturalWidth;
    }"""
    assert page.locator("#map img").evaluate(painted) > 0
    page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    named = {}
    for each in page.locator(
        "button:visible, a:visible, input:visible, video:visible, #line, #map, #time, h1, h2, li"
    ).all():
        box = each.bounding_box()
        if box and box["width"] > 1 and box["height"] > 1:
            named[each.evaluate("e => e.outerHTML.slice(0, 80)")] = box
    assert len(named) > 12
    for (name, one), (other_name, other) in itertools.combinations(named.items(), 2):
        across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
        down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
        inside = [min(one[side], other[side]) for side in ("width", "height")]
        nested = across >= inside[0] - 1 and down >= inside[1] - 1
        assert nested or across <= 1 or down <= 1, (name, other_name)
    for name, box in named.items():
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width + 1, name


def test_a_synthetic_scene_with_the_keyboard_alone(page) -> None:
    page.get_by_role("button", name="One source").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#uploads li")).to_contain_text("one source.mp4", timeout=WAIT)
    page.get_by_role("button", name="Make it binaural").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Done", timeout=WAIT)
    page.get_by_role("radio", name="Binaural").press("ArrowLeft")
    expect(page.get_by_role("radio", name="Mono")).to_have_attribute("aria-checked", "true")


def test_who_leaves_leaves_no_file(browser, server, make_video) -> None:
    page = browser.new_page()
    page.goto(server.address)
    page.get_by_text("Drop a video here").wait_for(timeout=WAIT)
    choose(page, make_video("mine.mp4"))
    done(page)
    mine = {"mine.mp4", "mine.binaural.mp4", "analysis.json"}
    assert mine <= server.files()
    page.close()
    end = time.monotonic() + 60
    while mine & server.files() and time.monotonic() < end:
        time.sleep(0.2)
    assert not mine & server.files()


def test_every_control_has_a_name(page) -> None:
    """As a screen reader reads it."""
    unnamed = page.evaluate(
        """() => {
          const all = (root) => [...root.querySelectorAll("*")].flatMap((e) =>
            [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
          const named = (e) => e.ariaLabel || e.textContent.trim() || e.title || e.labels?.length
            || e.ariaLabelledByElements?.length;
          const controls = all(document).filter((e) => e.matches("button, input, select, a[href], [role=slider]"));
          return controls.filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML.slice(0, 120));
        }"""
    )
    assert unnamed == []
