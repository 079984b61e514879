// Uploads: drop, choose or record. In a shadow root, as Gradio draws this component anew whenever its value changes.
const root = element.attachShadow({ mode: "open" });
root.innerHTML = `
<style>
  :host { display: block; color: var(--body-text-color); font: inherit; }
  .drop { border: 2px dashed var(--border-color-primary); border-radius: 8px; padding: 1.2rem; text-align: center; }
  .drop.over { border-color: #0072b2; background: rgba(0, 114, 178, 0.1); }
  button, .choose { font: inherit; color: inherit; background: var(--button-secondary-background-fill);
    border: 1px solid var(--border-color-primary); border-radius: 6px; padding: 0.35rem 0.8rem; cursor: pointer; }
  .choose { display: inline-block; }
  button:focus-visible, input:focus-visible + .choose { outline: 3px solid #56b4e9; outline-offset: 2px; }
  input { position: absolute; width: 1px; height: 1px; opacity: 0; }
  ul { list-style: none; padding: 0; margin: 0.6rem 0 0; text-align: left; }
  li { display: flex; gap: 0.6rem; align-items: center; justify-content: space-between; padding: 0.2rem 0; }
  li span { overflow-wrap: anywhere; }
  .error { color: #b34700; overflow-wrap: anywhere; } .buttons { display: flex; gap: 0.6rem; justify-content: center; flex-wrap: wrap; }
  video { max-width: 100%; max-height: 160px; margin-top: 0.6rem; }
  p { margin: 0.3rem 0; }
</style>
<div class="drop">
  <p><strong>Drop a video here</strong>, or several</p>
  <div class="buttons">
    <span><input type="file" id="file" multiple accept="video/*,.mkv,.mov,.avi,.ts,.mts"><label for="file" class="choose">Choose files</label></span>
    <button type="button" id="record">Record with the webcam</button>
  </div>
  <p id="limits"></p>
  <video id="camera" muted playsinline hidden aria-label="What the webcam films"></video>
  <p id="state" role="status"></p>
  <p id="error" class="error" role="alert"></p>
  <ul aria-label="Videos to be made binaural"></ul>
</div>`;
const find = (id) => root.getElementById(id);
const drop = root.querySelector(".drop"), list = root.querySelector("ul");
const { megabytes, files: most } = props.limits;
find("limits").textContent = `Up to ${megabytes} MB each, ${most} at once.`;

function show() {
  list.replaceChildren(...(props.value || []).map((file) => {
    const item = document.createElement("li"), name = document.createElement("span"), remove = document.createElement("button");
    name.textContent = `${file.name} (${(file.bytes / 1e6).toFixed(1)} MB)`;
    remove.type = "button";
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.onclick = () => {
      fetch(`files/${file.token}`, { method: "DELETE" });
      props.value = props.value.filter((other) => other.token !== file.token);
      show();
    };
    item.append(name, remove);
    return item;
  }));
}

function send(file, name) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `files?name=${encodeURIComponent(name)}`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) find("state").textContent = `Taking in ${name}: ${Math.round(100 * event.loaded / event.total)} %`;
    };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { answer = { error: request.responseText }; }
      if (request.status === 200) resolve(answer); else reject(new Error(answer.error || `${name}: the server refused it`));
    };
    request.onerror = () => reject(new Error(`${name}: the upload broke off; is the server still running?`));
    request.send(file);
  });
}

async function take(chosen) {
  find("error").textContent = "";
  const before = props.value || [];
  const taken = [];
  for (const [file, name] of chosen) {
    if (before.length + taken.length >= most) {
      find("error").textContent = `This page takes ${most} files at once.`;
      break;
    }
    if (file.size > megabytes * 1e6) {
      find("error").textContent = `${name}: is larger than ${megabytes} MB, which is what this page takes; use ccstereo binauralize, or start the page with --max-megabytes`;
      continue;
    }
    try { taken.push(await send(file, name)); } catch (error) { find("error").textContent = error.message; }
  }
  find("state").textContent = taken.length ? "Ready." : "";
  props.value = [...(props.value || []), ...taken];
  show();
}

find("file").onchange = (event) => { take([...event.target.files].map((file) => [file, file.name])); event.target.value = ""; };
for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.remove("over"); });
drop.addEventListener("drop", (event) => take([...event.dataTransfer.files].map((file) => [file, file.name])));

let recorder = null;
find("record").onclick = async () => {
  if (recorder) { recorder.stop(); return; }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const pieces = [];
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => {
      stream.getTracks().forEach((track) => track.stop());
      find("camera").hidden = true;
      find("record").textContent = "Record with the webcam";
      const kind = recorder.mimeType.includes("mp4") ? "mp4" : "webm";
      recorder = null;
      take([[new Blob(pieces), `webcam.${kind}`]]);
    };
    find("camera").srcObject = stream;
    find("camera").hidden = false;
    find("camera").play();
    recorder.start();
    find("record").textContent = "Stop recording";
  } catch (error) {
    recorder = null;
    find("error").textContent = `The webcam cannot be used (${error.message}).`;
  }
};
watch("value", show);
show();
