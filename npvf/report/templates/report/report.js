// The player of a report: boxes over the faces, moving lines in all charts, and jumps to what is clicked.
"use strict";

for (const article of document.querySelectorAll("article.video")) {
  const root = article.querySelector("[data-player]");
  if (root) connect(article, root);
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", () => copy(button));
}

// On paper, the hashes of the weights are shown; the settings and the card would take pages.
for (const [event, open] of [["beforeprint", true], ["afterprint", false]]) {
  window.addEventListener(event, () => document.querySelectorAll("details[data-print]").forEach((one) => (one.open = open)));
}

function connect(article, root) {
  const video = root.querySelector("video");
  const data = JSON.parse(root.querySelector(".player-data").textContent);
  const rows = [...article.querySelectorAll("svg[data-row]")].map(chartRow);
  const overview = root.querySelector(".overview");
  const overviewHead = overview.querySelector(".head i");
  const seconds = Number(overview.dataset.seconds);
  const hits = [...article.querySelectorAll(".hit.phone[data-seek]")].map(spanOf);
  let stopAt = null;

  const now = () => data.start + video.currentTime;

  function seek(time) {
    stopAt = null;
    video.currentTime = Math.min(Math.max(time - data.start, 0), video.duration || data.end - data.start);
    draw();
  }

  // Plays a little around a time, at half speed.
  function playAround(time) {
    video.pause();
    seek(time - 0.4);
    stopAt = time + 0.4;
    setSpeed(0.5);
    video.play();
  }

  function setSpeed(speed) {
    root.querySelector("[data-speed]").value = String(speed);
    video.playbackRate = speed;
  }

  function draw() {
    const time = now();
    if (stopAt !== null && time >= stopAt) {
      video.pause();
      stopAt = null;
    }
    drawBoxes(root, data, time);
    for (const row of rows) row.move(time);
    overviewHead.style.left = `${Math.min(100, (100 * time) / seconds)}%`;
    root.querySelector(".clock").value = `${time.toFixed(2)} s`;
    const current = hits.filter((hit) => hit.from <= time && time < hit.to);
    for (const hit of hits) hit.element.classList.toggle("playing", current.includes(hit));
    root.querySelector(".now").textContent = current.map((hit) => hit.title).join("; ") || "\u00a0";
  }

  function loop() {
    draw();
    if (!video.paused && !video.ended) requestAnimationFrame(loop);
  }

  video.addEventListener("play", () => requestAnimationFrame(loop));
  for (const event of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(event, draw);
  root.querySelector("[data-speed]").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
  root.querySelector("[data-boxes]").addEventListener("change", draw);
  root.querySelector("[data-sound]").addEventListener("change", (event) => (video.muted = !event.target.checked));

  // The browser's own controls would cover the mouth. Without this script they stay.
  const toggle = root.querySelector("[data-toggle]");
  const playOrPause = () => (video.paused ? video.play() : video.pause());
  video.controls = false;
  video.addEventListener("click", playOrPause);
  toggle.addEventListener("click", playOrPause);
  for (const event of ["play", "pause", "ended"]) {
    video.addEventListener(event, () => (toggle.textContent = video.paused ? "▶" : "❚❚"));
  }

  function step(frames) {
    video.pause();
    seek((Math.floor(now() * data.fps + 1e-3) + frames + 0.5) / data.fps);
  }

  article.addEventListener("click", (event) => {
    const target = event.target.closest("[data-seek], [data-play], [data-step]");
    if (target?.dataset.seek !== undefined) seek(Number(target.dataset.seek));
    else if (target?.dataset.play !== undefined) playAround(Number(target.dataset.play));
    else if (target?.dataset.step !== undefined) step(Number(target.dataset.step));
    else {
      const row = rows.find((one) => one.svg.contains(event.target));
      const lane = event.target.closest(".overview .lane");
      if (row) seek(row.timeAt(event));
      else if (lane) seek((seconds * (event.clientX - lane.getBoundingClientRect().left)) / lane.clientWidth);
    }
  });

  article.addEventListener("keydown", (event) => {
    if (event.target.matches("textarea, select, input")) return;
    if (event.key === "," || event.key === ".") {
      step(event.key === "," ? -1 : 1);
    } else if (event.target.matches(".hit[data-seek]") && (event.key === "Enter" || event.key === " ")) {
      seek(Number(event.target.dataset.seek));
      event.preventDefault();
    } else if (event.target.closest(".keys") && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
      move(event.target, event.key);
      event.preventDefault();
    }
  });
  for (const group of article.querySelectorAll(".overview .keys")) {
    [...group.querySelectorAll("[data-seek]")].forEach((one, index) => (one.tabIndex = index ? -1 : 0));
  }
  draw();
}

// Of the segments or phones of a row, only one is reached with Tab; the arrow keys move on.
function move(element, key) {
  const all = [...element.closest(".keys").querySelectorAll("[data-seek]")];
  const at = all.indexOf(element);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[key];
  const target = all[Math.min(Math.max(next, 0), all.length - 1)];
  element.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}

function chartRow(svg) {
  const { start, end, left, scale } = svg.dataset;
  const head = svg.querySelector("line.head");
  const width = svg.viewBox.baseVal.width;
  return {
    svg,
    move(time) {
      const inside = time >= Number(start) && time < Number(end);
      head.setAttribute("visibility", inside ? "visible" : "hidden");
      if (inside) head.setAttribute("transform", `translate(${Number(left) + (time - start) * scale} 0)`);
    },
    timeAt(event) {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * width;
      return Math.min(Math.max(Number(start) + (x - left) / scale, Number(start)), Number(end));
    },
  };
}

// A phone with the time that its box takes on the chart.
function spanOf(element) {
  const svg = element.ownerSVGElement;
  const { start, left, scale } = svg.dataset;
  const cell = element.querySelector(".cell");
  const from = Number(start) + (cell.x.baseVal.value - left) / scale;
  const title = element.querySelector("title").textContent;
  return { element, title, from, to: from + cell.width.baseVal.value / scale };
}

function drawBoxes(root, data, time) {
  const frame = Math.floor(time * data.fps + 1e-3);
  const shown = root.querySelector("[data-boxes]").checked;
  const found = new Map();
  for (const clip of data.faces) {
    const box = clip.boxes[frame - clip.first];
    if (shown && box) found.set(String(clip.face), box);
  }
  for (const group of root.querySelectorAll("g[data-face]")) {
    const box = found.get(group.dataset.face);
    group.toggleAttribute("hidden", !box);
    if (!box) continue;
    for (const rect of group.children) {
      ["x", "y", "width", "height"].forEach((name, index) => rect.setAttribute(name, 1000 * box[index]));
    }
  }
  for (const tag of root.querySelectorAll("span[data-face]")) {
    const box = found.get(tag.dataset.face);
    tag.hidden = !box;
    if (box) Object.assign(tag.style, { left: `${100 * box[0]}%`, top: `${100 * Math.max(box[1], 0.08)}%` });
  }
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy);
  text.select();
  let done = false;
  try {
    await navigator.clipboard.writeText(text.value);
    done = true;
  } catch {
    done = document.execCommand("copy"); // a page opened as a file may not have the clipboard
  }
  const status = button.parentElement.querySelector(".copied");
  status.textContent = done ? "copied" : "select the text and copy it";
}
