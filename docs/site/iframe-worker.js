// A browser lets no page that was opened from a disk start a worker. There the search runs in a hidden frame of the page instead; pages of a server
// keep their workers. Named as what the theme would fetch for this from elsewhere.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = new Promise((loaded, failed) => {
        const script = inside.document.createElement("script");
        script.onload = () => loaded(inside);
        script.onerror = () => failed(new Error(`${url} cannot be read`));
        script.src = url;
        inside.document.body.append(script);
      });
    }

    postMessage(data) {
      this.ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }
  };
}
