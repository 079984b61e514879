"""The page itself: Gradio's controls, and three parts of our own, for uploads, progress and the result."""

import html
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import gradio as gr

from ccstereo.app.jobs import CANCELLED, DONE, FAILED, WAITING, Job
from ccstereo.app.service import EXAMPLES, Service
from ccstereo.errors import CCStereoError

TITLE = "Binaural sound for video"
INTRODUCTION = (
    f"# {TITLE}\n\nA video with mono sound in, the same video with sound that has its place in space out, guided "
    "by its frames. Everything stays on this machine. **Use headphones:** loudspeakers undo the effect."
)
POLL = 0.4  # s between two looks at a job


def static(name: str) -> str:
    """A file of the page."""
    return (files("ccstereo.app") / "static" / name).read_text(encoding="utf-8")


def page_settings() -> dict[str, Any]:
    """The page's look. System fonts alone: none is fetched."""
    fonts = ["system-ui", "sans-serif"]
    theme = gr.themes.Default(primary_hue="blue", font=fonts, font_mono=["ui-monospace", "monospace"])
    theme.set(block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300")
    return {"theme": theme, "css": static("page.css"), "head": "<meta name='robots' content='noindex'>"}


def make_page(service: Service) -> gr.Blocks:
    """Build the page over a service."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=False) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                uploads = gr.HTML(
                    [],
                    html_template="",
                    js_on_load=static("uploads.js"),
                    elem_id="uploads",
                    limits={"megabytes": service.limits.megabytes, "files": service.limits.files},
                )
            with gr.Column(scale=1, min_width=280):
                weights = gr.Dropdown(
                    list(service.weights),
                    value=next(iter(service.weights)),
                    label="Weights",
                    info="The network that predicts.",
                    elem_id="weights",
                )
                side_gain = gr.Slider(
                    0,
                    2,
                    1,
                    step=0.05,
                    label="Side gain",
                    info="0 is mono, 1 as predicted, 2 wider.",
                    elem_id="side-gain",
                )
        gr.Markdown("No video at hand? Make a synthetic scene, on this machine:", elem_id="examples-title")
        with gr.Row():
            examples = [gr.Button(title.capitalize(), size="sm", elem_classes="example") for title in EXAMPLES]
        with gr.Row():
            go = gr.Button("Make it binaural", variant="primary", elem_id="go")
            cancel = gr.Button("Cancel", variant="stop", interactive=False, elem_id="cancel")
        status = gr.HTML("", elem_id="status")
        result = gr.HTML(None, html_template="", js_on_load=static("result.js"), elem_id="result")

        def make(chosen: list[dict[str, Any]] | None, name: str, gain: float, request: gr.Request) -> Iterator[Any]:
            owner = str(request.session_hash)
            try:
                job = service.submit(owner, [file["token"] for file in chosen or []], name, gain)
            except (CCStereoError, ValueError) as error:
                yield failure(service.explain(error)), None, gr.Button(interactive=True), gr.Button(interactive=False)
                return
            yield progress(service, job), None, gr.Button(interactive=False), gr.Button(interactive=True)
            while not job.wait(POLL):
                yield progress(service, job), gr.skip(), gr.skip(), gr.skip()
            yield progress(service, job), job.result, gr.Button(interactive=True), gr.Button(interactive=False)

        def stop(request: gr.Request) -> None:
            service.cancel(str(request.session_hash))

        def example(title: str) -> list[dict[str, Any]]:
            stored = service.example(title)
            return [{"token": stored.token, "name": stored.name, "bytes": stored.path.stat().st_size}]

        def leave(request: gr.Request) -> None:
            service.leave(str(request.session_hash))

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        go.click(make, [uploads, weights, side_gain], [status, result, go, cancel], concurrency_limit=None, **quiet)
        cancel.click(stop, None, None, queue=False, **quiet)
        for button, title in zip(examples, EXAMPLES, strict=True):
            button.click(lambda title=title: example(title), None, uploads, concurrency_limit=1, **quiet)
        page.unload(leave)
    page.queue(max_size=100)
    return page


def progress(service: Service, job: Job) -> str:
    """A job's state as HTML: a bar with its numbers, or what became of it."""
    if job.state == FAILED:
        return failure(job.error)
    if job.state == CANCELLED:
        return "<p role='status' class='state'>Cancelled. No file was left.</p>"
    if job.state == DONE:
        return "<p role='status' class='state'>Done. The result is below.</p>"
    if job.state == WAITING:
        before = service.jobs.position(job)
        text = f"In the queue: {before} before yours." if before else "Starting."
        return f"<p role='status' class='state'>{text}</p>"
    fraction = min(1.0, job.done / job.total) if job.total else 0.0
    numbers = f"{job.done:.1f} of {job.total:.1f} s" if job.total else ""
    if job.seconds_left is not None:
        numbers += f", about {job.seconds_left:.0f} s left"
    stage = html.escape(job.stage)
    title = stage[:1].upper() + stage[1:]
    return (
        f"<p class='state'><span role='status'>{title}</span> <span class='numbers'>{numbers}</span></p>"
        f"<div class='bar' role='progressbar' aria-label='Progress' aria-valuemin='0' aria-valuemax='100' "
        f"aria-valuenow='{100 * fraction:.0f}' aria-valuetext='{stage}: {numbers}'>"
        f"<div style='width:{100 * fraction:.1f}%'></div></div>"
    )


def failure(message: str) -> str:
    """What went wrong, as HTML."""
    return f"<p role='alert' class='state error'>{html.escape(message)}</p>"
