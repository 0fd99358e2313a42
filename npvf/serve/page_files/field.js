// The field for a file: it sends the file to /api/jobs, sets the value to the id of the job, and triggers 'submit'.
const field = () => element.querySelector(".npvf-field");
const part = (selector) => field().querySelector(selector);
let request = null, recorder = null, stream = null, timer = null;

function become(state, problem) {
  field().dataset.state = state;
  part(".npvf-problem").textContent = problem || "";
}

function explain(status, text) {
  let detail = "";
  try { detail = JSON.parse(text).detail; } catch (error) { detail = ""; }
  if (typeof detail === "string" && detail) return detail;
  if (status === 0) return "The service cannot be reached, or ended the upload.";
  return "The service answered with status " + status + ".";
}

function send(file, name) {
  const most = Number(field().dataset.maxMb);
  if (file.size > most * 1e6) return become("idle", "The file is too large: at most " + most + " MB.");
  const form = new FormData();
  form.append("file", file, name);
  request = new XMLHttpRequest();
  request.open("POST", "api/jobs");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) part("progress").value = event.loaded / event.total;
  };
  request.onload = () => {
    if (request.status !== 202) return become("idle", explain(request.status, request.responseText));
    become("idle");
    props.value = JSON.parse(request.responseText).id;
    trigger("submit");
  };
  request.onerror = () => become("idle", explain(0, ""));
  request.onabort = () => become("idle");
  part("progress").value = 0;
  part(".npvf-label").textContent = "Sending " + name;
  become("sending");
  request.send(form);
}

function release() {
  clearInterval(timer);
  if (stream) for (const track of stream.getTracks()) track.stop();
  stream = recorder = null;
}

async function record() {
  if (!navigator.mediaDevices || !window.MediaRecorder)
    return become("idle", "This browser gives the camera only to pages on localhost or with https.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 }, audio: true });
  } catch (error) {
    return become("idle", "The camera cannot be used: " + error.message);
  }
  const chunks = [], began = Date.now(), longest = Number(field().dataset.maxSeconds);
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => chunks.push(event.data);
  recorder.onstop = () => {
    const kept = recorder && recorder.kept, kind = recorder ? recorder.mimeType : "";
    release();
    if (kept) send(new Blob(chunks, { type: kind }), "recording." + (kind.includes("mp4") ? "mp4" : "webm"));
  };
  part("video").srcObject = stream;
  become("camera");
  timer = setInterval(() => {
    const seconds = (Date.now() - began) / 1000;
    part(".npvf-clock").textContent = seconds.toFixed(0) + " s";
    if (seconds > longest - 1) finish(true);
  }, 250);
  recorder.start(1000);
}

function finish(kept) {
  if (recorder) { recorder.kept = kept; recorder.stop(); }
  if (request) request.abort();
  become("idle");
}

element.addEventListener("click", (event) => {
  const action = event.target.dataset ? event.target.dataset.do : "";
  if (action === "camera") record();
  if (action === "stop") finish(true);
  if (action === "cancel") finish(false);
});
element.addEventListener("change", (event) => {
  if (event.target.type !== "file") return;
  const file = event.target.files[0];
  event.target.value = "";
  if (file) send(file, file.name);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
  element.addEventListener(kind, (event) => {
    event.preventDefault();
    field().classList.toggle("npvf-over", kind === "dragenter" || kind === "dragover");
    if (kind !== "drop" || field().dataset.state !== "idle") return;
    const dropped = event.dataTransfer.files;
    if (dropped.length === 1) send(dropped[0], dropped[0].name);
    else become("idle", "Drop one file.");
  });
