// The result: a player that switches between mono and binaural while it plays, and what there is to look at over time.
const root = element.attachShadow({ mode: "open" });
const LEFT = "#0072b2", RIGHT = "#d55e00";
root.innerHTML = `
<style>
  :host { display: block; color: var(--body-text-color); font: inherit; }
  h2 { font-size: 1.2rem; margin: 1rem 0 0.4rem; } p { margin: 0.3rem 0; overflow-wrap: anywhere; }
  .player { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1rem; align-items: start; }
  @media (max-width: 700px) { .player { grid-template-columns: minmax(0, 1fr); } }
  video, .frame img { width: 100%; border-radius: 6px; background: #000; display: block; }
  .row { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin: 0.6rem 0; }
  button, select, a.button { font: inherit; color: inherit; background: var(--button-secondary-background-fill); text-decoration: none;
    border: 1px solid var(--border-color-primary); border-radius: 6px; padding: 0.35rem 0.8rem; cursor: pointer; }
  button[aria-checked="true"], a.button { background: ${LEFT}; color: #fff; }
  :focus-visible { outline: 3px solid #56b4e9; outline-offset: 2px; }
  .meter { width: 90px; height: 10px; border: 1px solid var(--border-color-primary); border-radius: 5px; overflow: hidden; display: inline-block; }
  .meter i { display: block; height: 100%; width: 0; }
  .time { position: relative; cursor: pointer; margin-top: 0.8rem; touch-action: pan-y; }
  .panel { margin: 0 0 0.5rem; } .panel svg, .panel img { display: block; width: 100%; height: 110px; border: 1px solid var(--border-color-primary); box-sizing: border-box; }
  .caption { display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; font-size: 0.8rem; }
  .strip { display: flex; } .strip img { flex: 1 1 0; min-width: 0; height: auto; max-height: 110px; object-fit: contain; }
  .head { position: absolute; top: 0; bottom: 0; width: 2px; background: #e69f00; pointer-events: none; }
  .ticks { display: flex; justify-content: space-between; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
</style>
<div id="tone" class="row"><span>Check your headphones:</span>
  <button type="button" data-ear="-1">Tone on the left</button><button type="button" data-ear="1">Tone on the right</button></div>
<div id="shown" hidden>
  <h2>Result</h2>
  <div class="row"><label id="choice" hidden>File <select></select></label>
    <a class="button" id="download">Download the full-quality file</a><a class="button" id="zip" hidden>Download all as a zip</a></div>
  <p id="line"></p>
  <div class="player">
    <div>
      <video id="video" controls playsinline preload="auto"></video>
      <div class="row" role="radiogroup" aria-label="Sound">
        <button type="button" role="radio" id="mono" aria-checked="false">Mono</button>
        <button type="button" role="radio" id="binaural" aria-checked="true">Binaural</button>
        <span>L <span class="meter"><i id="left" style="background:${LEFT}"></i></span></span>
        <span>R <span class="meter"><i id="right" style="background:${RIGHT}"></i></span></span>
      </div>
      <p id="preview" hidden>Played here is a smaller preview, as browsers do not play the file's own codec. The download is the file itself.</p>
      <p id="broken" role="alert" hidden>This browser cannot play the result. The download is whole.</p>
      <ul id="notes"></ul>
    </div>
    <div class="frame" id="map"><img alt=""><p class="caption"></p></div>
  </div>
  <div class="time" id="time" role="slider" tabindex="0" aria-label="Position" aria-valuemin="0">
    <div class="panel"><div class="caption"><span>Level of the left ear over the right one, dB</span><span id="range"></span></div>
      <svg id="level" preserveAspectRatio="none" role="img" aria-label="Level of the left ear over the right one over time"></svg></div>
    <div class="panel"><div class="caption"><span>Spectrogram of the difference l − r</span><span id="khz"></span></div>
      <img id="spectrogram" alt="Spectrogram of the difference between both ears over time"></div>
    <div class="panel" id="maps"><div class="caption"><span>Relevance map over the frames: where the network looks</span><span>dark least, yellow most</span></div>
      <div class="strip"></div></div>
    <div class="head" id="head"></div>
    <div class="ticks" aria-hidden="true"></div>
  </div>
</div>`;
const find = (id) => root.getElementById(id);
const video = find("video");
let context = null, gains = null, meters = [], analysis = null, binaural = true;

// Both ears come from one element, so that the two ways to play it are never out of step; mono is their mean.
function connect() {
  if (context) { context.resume(); return; }
  context = new AudioContext();
  const parts = context.createChannelSplitter(2), joined = context.createChannelMerger(2);
  context.createMediaElementSource(video).connect(parts);
  gains = [0, 1].map((from) => [0, 1].map((to) => {
    const gain = context.createGain();
    gain.gain.value = weight(from, to);
    parts.connect(gain, from);
    gain.connect(joined, 0, to);
    return gain;
  }));
  joined.connect(context.destination);
  const out = context.createChannelSplitter(2);
  joined.connect(out);
  meters = ["left", "right"].map((id, ear) => {
    const meter = context.createAnalyser();
    meter.fftSize = 2048;
    out.connect(meter, ear);
    return [meter, new Float32Array(meter.fftSize), find(id)];
  });
}
const weight = (from, to) => (binaural ? Number(from === to) : 0.5);

function choose(value) {
  binaural = value;
  find("mono").setAttribute("aria-checked", String(!value));
  find("binaural").setAttribute("aria-checked", String(value));
  if (gains) gains.forEach((row, from) => row.forEach((gain, to) => gain.gain.setTargetAtTime(weight(from, to), context.currentTime, 0.005)));
}
find("mono").onclick = () => choose(false);
find("binaural").onclick = () => choose(true);
root.querySelector("[role=radiogroup]").addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow")) return;
  event.preventDefault();
  choose(!binaural);
  find(binaural ? "binaural" : "mono").focus();
});
video.addEventListener("play", connect);
video.addEventListener("error", () => { if (video.getAttribute("src")) find("broken").hidden = false; });

function clock(seconds, long) { return long < 20 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`; }

function draw() {
  requestAnimationFrame(draw);
  if (!analysis) return;
  const now = video.currentTime, fraction = Math.min(1, now / analysis.duration);
  find("head").style.left = `calc(${100 * fraction}% - 1px)`;
  find("time").setAttribute("aria-valuenow", now.toFixed(1));
  find("time").setAttribute("aria-valuetext", `${now.toFixed(1)} of ${analysis.duration.toFixed(1)} seconds`);
  if (analysis.maps.length) {
    const near = analysis.maps.reduce((one, other) => (Math.abs(other.time - now) < Math.abs(one.time - now) ? other : one));
    const image = root.querySelector("#map img");
    if (image.src !== near.frame) {
      image.src = near.frame;
      image.alt = `The frame at ${near.time.toFixed(1)} seconds with the relevance map over it`;
      root.querySelector("#map p").textContent = `Relevance map at ${near.time.toFixed(1)} s`;
    }
  }
  for (const [meter, samples, bar] of meters) {
    meter.getFloatTimeDomainData(samples);
    const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    const decibels = 20 * Math.log10(rms + 1e-6);
    bar.style.width = `${Math.max(0, Math.min(100, 100 * (decibels + 60) / 60))}%`;
    bar.dataset.db = decibels.toFixed(2);
  }
}

function seek(event) {
  const box = find("time").getBoundingClientRect();
  video.currentTime = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * analysis.duration;
}
find("time").addEventListener("pointerdown", (event) => { if (analysis) { seek(event); find("time").setPointerCapture(event.pointerId); } });
find("time").addEventListener("pointermove", (event) => { if (analysis && event.buttons) seek(event); });
find("time").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined || !analysis) return;
  event.preventDefault();
  video.currentTime = Math.max(0, Math.min(analysis.duration, video.currentTime + step));
});

function curve(level) {
  const most = Math.max(3, ...level.map(Math.abs));
  const points = level.map((value, place) => `${(place + 0.5) * 1000 / level.length},${50 - 48 * value / most}`).join(" ");
  find("range").textContent = `up to ${most.toFixed(0)} dB: left above the middle, right below`;
  find("level").setAttribute("viewBox", "0 0 1000 100");
  find("level").innerHTML = `<rect width="1000" height="50" fill="${LEFT}" opacity="0.08"/><rect y="50" width="1000" height="50" fill="${RIGHT}" opacity="0.08"/>
    <line x1="0" x2="1000" y1="50" y2="50" stroke="currentColor" opacity="0.4" vector-effect="non-scaling-stroke"/>
    <polyline points="${points}" fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"/>`;
}

async function show(file) {
  analysis = null;
  find("broken").hidden = true;
  find("preview").hidden = !file.reduced;
  find("download").href = file.download;
  find("download").download = file.name;
  find("line").textContent = `${file.name}: ${file.line}`;
  find("notes").replaceChildren(...file.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  video.src = file.preview;
  const answer = await fetch(file.analysis);
  if (!answer.ok) return;
  analysis = await answer.json();
  find("time").setAttribute("aria-valuemax", analysis.duration.toFixed(1));
  curve(analysis.level);
  find("spectrogram").src = analysis.spectrogram;
  find("khz").textContent = `0 to ${analysis.khz} kHz, dark soft, yellow loud`;
  find("map").hidden = find("maps").hidden = !analysis.maps.length;
  root.querySelector(".strip").replaceChildren(...analysis.maps.filter((_, place) => place % 2 === 0 || analysis.maps.length < 9).map((map) =>
    Object.assign(document.createElement("img"), { src: map.frame, alt: "", title: `${map.time.toFixed(1)} s` })));
  root.querySelector(".ticks").replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((part) =>
    Object.assign(document.createElement("span"), { textContent: clock(part * analysis.duration, analysis.duration) })));
}

function update() {
  const value = props.value;
  find("shown").hidden = !value;
  if (!value) { video.removeAttribute("src"); video.load(); analysis = null; return; }
  const select = root.querySelector("select");
  select.replaceChildren(...value.files.map((file, place) => Object.assign(document.createElement("option"), { textContent: file.name, value: place })));
  select.onchange = () => show(value.files[select.value]);
  find("choice").hidden = value.files.length < 2;
  find("zip").hidden = !value.zip;
  if (value.zip) { find("zip").href = value.zip; find("zip").download = "binaural.zip"; }
  show(value.files[0]);
}

root.querySelectorAll("[data-ear]").forEach((button) => { button.onclick = () => {
  const sound = new AudioContext(), tone = sound.createOscillator(), gain = sound.createGain(), pan = sound.createStereoPanner();
  tone.frequency.value = 440;
  pan.pan.value = Number(button.dataset.ear);
  gain.gain.setValueAtTime(0, sound.currentTime);
  gain.gain.linearRampToValueAtTime(0.15, sound.currentTime + 0.05);
  gain.gain.setValueAtTime(0.15, sound.currentTime + 0.75);
  gain.gain.linearRampToValueAtTime(0, sound.currentTime + 0.8);
  tone.connect(gain).connect(pan).connect(sound.destination);
  tone.onended = () => sound.close();
  tone.start();
  tone.stop(sound.currentTime + 0.8);
}; });
watch("value", update);
draw();
