// Samples over training: pictures and clips, sounds, texts, whatever the space of a run has written, by one slider.

const picturesOf = (number) => {
  if (runs[number].pictures) return runs[number].pictures;
  const block = document.getElementById(`pictures-${number}`);
  return block ? JSON.parse(block.textContent) : [];
};

function source(picture) {
  return picture.url ?? `data:${picture.type};base64,${picture.data}`;
}

/** Return an element that shows one file of samples. */
function media(picture, name) {
  const kind = picture.type.split("/")[0], label = `samples of ${name}, ${picture.label}`;
  if (kind === "image") return h("img", { src: source(picture), alt: label });
  if (kind === "audio") return h("audio", { src: source(picture), controls: true, preload: "metadata", "aria-label": label });
  if (kind === "video") return h("video", { src: source(picture), controls: true, loop: true, muted: true, preload: "metadata", "aria-label": label });
  return h("pre", { tabindex: "0", "aria-label": label }, picture.text);
}

/** Return the moments of some runs together, in the order of training. */
function momentsOf(shown) {
  return [...new Set(shown.flatMap(({ pictures }) => pictures.map((picture) => picture.kimg)).filter((kimg) => kimg !== null))].sort((a, b) => a - b);
}

/** Return what a run shows at a moment: its last picture until then, or its first; loose pictures always. */
function at(pictures, kimg) {
  const timed = pictures.filter((picture) => picture.kimg !== null), loose = pictures.filter((picture) => picture.kimg === null);
  if (!timed.length) return loose;
  return [timed.filter((picture) => picture.kimg <= kimg).at(-1) ?? timed[0], ...loose];
}

/** Return cards of some runs under one slider; null where none has pictures. */
function sampleCards(numbers) {
  const shown = numbers.map((number) => ({ number, pictures: picturesOf(number), host: h("div", { class: "media" }) })).filter(({ pictures }) => pictures.length);
  if (!shown.length) return null;
  const moments = momentsOf(shown);
  const asked = state.at === "" ? moments.length - 1 : moments.findIndex((kimg) => kimg >= Number(state.at));
  let index = asked < 0 ? moments.length - 1 : asked;
  const output = h("output", { for: "moment", class: "moment" });
  const show = () => {
    output.textContent = moments.length ? `${plain(moments[index])} kimg` : "";
    for (const { number, pictures, host } of shown) {
      replace(host, at(pictures, moments[index]).map((picture) => h("figure", {}, media(picture, runName(number)), h("figcaption", {}, picture.label))));
    }
    slider?.setAttribute("aria-valuetext", output.textContent);
  };
  const go = (to) => {
    index = to;
    change({ at: index === moments.length - 1 ? "" : String(moments[index]) });
    show();
  };
  const slider = moments.length > 1 ? h("input", { id: "moment", type: "range", min: "0", max: String(moments.length - 1), value: String(index), oninput: (event) => go(Number(event.target.value)) }) : null;
  let timer = null;
  const play = h("button", { type: "button", class: "plain", onclick: () => (timer === null ? start() : stop()) }, "Play");
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const start = () => {
    if (index === moments.length - 1) index = -1;
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (!play.isConnected || index >= moments.length - 1) return stop();
      go(index + 1);
      slider.value = String(index);
    }, 500);
  };
  show();
  const bar = slider ? h("div", { class: "timeline" }, play, h("label", { for: "moment" }, "Training"), slider, output) : null;
  const cards = shown.map(({ number, host }) => h("article", { class: "card" }, h("h3", {}, h("a", { href: address({ view: "run", run: keys[number] }) }, runName(number))), host));
  return h("div", {}, bar, h("div", { class: "cards" }, cards));
}

const samplesView = {
  tools() {
    return [];
  },

  show(host, show) {
    const numbers = chosenRuns(), cards = sampleCards(numbers);
    const left = content.pictures_left_out;
    replace(host, h("div", { class: "beside" }, chooser(show), h("div", {},
      cards ?? h("p", { class: "empty" }, numbers.length ? "these runs kept no pictures that are in this page" : "no run is chosen"),
      left ? h("p", { class: "note" }, `${whole(left)} pictures of all runs are left out of this page; --pictures and --pictures-mib of ganbench report decide how many there are.`) : null)));
  },
};
