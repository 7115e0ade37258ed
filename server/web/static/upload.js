// Files of a form, sent in parts as soon as they are chosen: they go on after a broken line or a reload.
// Attaches itself to <input type="file" data-tus="ENDPOINT" data-upload-field="NAME OF A HIDDEN FIELD">, which then
// gets the upload's name; data-part="BYTES" sets the size of a part. Without it the form sends the files themselves.
"use strict";
(() => {
  const inputs = [...document.querySelectorAll("input[type=file][data-tus]")].filter((input) => input.form);
  if (!inputs.length || !window.tus?.isSupported) return;

  const AT_ONCE = 2, PART = 2 ** 25, SPEED_SECONDS = 5, KEPT_MS = 7 * 864e5;
  const RETRIES = [0, 500, 1000, 2000, 4000, 8000, 15000, 30000, 30000, 60000, 60000];
  const script = document.currentScript;
  const size = (bytes) => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
  const percent = (part, whole) => whole ? Math.floor(100 * part / whole) : 100;
  const span = (seconds) => seconds < 60 ? `${Math.ceil(seconds)} s` : seconds < 3600 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  let waiting = null; // the form that is to be sent when its files are there

  class Field {
    constructor(input) {
      this.input = input;
      this.form = input.form;
      this.label = input.labels[0]?.textContent.trim() || input.name;
      this.hidden = input.form.elements[input.dataset.uploadField];
      this.required = input.required;
      this.state = "none"; // queued, sending, paused, checking, done, failed, offered
      this.name = make("strong", {});
      this.figures = make("span", { className: "upload-figures" });
      this.bar = make("progress", { max: 1, value: 0 });
      this.words = make("p", { className: "upload-words" });
      this.words.setAttribute("role", "status");
      this.words.id = `${input.id}-upload`;
      input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${this.words.id}`.trim());
      this.go = this.button(() => this.pressed());
      this.drop = this.button(() => this.cancel());
      this.box = make("div", { className: "upload", hidden: true },
        make("p", { className: "upload-name" }, this.name, " ", this.figures), this.bar, this.words,
        make("div", { className: "upload-actions" }, this.go, this.drop));
      input.after(this.box);
      input.addEventListener("change", () => input.files[0] && this.choose(input.files[0]));
    }

    button(action) {
      const button = make("button", { type: "button", className: "outline secondary" });
      button.addEventListener("click", action);
      return button;
    }

    get isOpen() { return ["queued", "sending", "paused", "checking", "failed"].includes(this.state); }
    get address() { return this.found ? `${this.input.dataset.tus}/${this.found.name}` : this.upload?.url; }
    get headers() { return { "X-CSRFToken": this.form.elements.csrf_token.value }; }

    show(state, sentence = "", figures = "") {
      const go = { queued: "Pause", sending: "Pause", paused: "Go on", failed: "Try again", offered: this.found?.is_whole ? "Use it" : "" }[state] || "";
      const drop = { done: "Remove", offered: "Delete it" }[state] || "Cancel";
      this.state = state;
      this.box.hidden = false;
      this.box.dataset.state = state;
      this.words.classList.toggle("problem", state === "failed");
      if (this.words.textContent !== sentence) this.words.textContent = sentence;
      this.figures.textContent = figures;
      this.go.hidden = !go;
      for (const [button, word] of [[this.go, go], [this.drop, drop]]) {
        button.textContent = word;
        button.setAttribute("aria-label", `${word}: ${this.label}`);
      }
      this.input.required = this.required && !this.isOpen && state !== "done";
      this.input.toggleAttribute("data-chosen", state !== "offered");
      if (state !== "queued") pump();
    }

    title(name) {
      this.name.textContent = name;
      this.bar.setAttribute("aria-label", `Upload of ${name}`);
    }

    choose(file) {
      const before = this.file || (this.found && { name: this.found.filename, size: this.found.size });
      const same = before && before.name === file.name && before.size === file.size;
      this.upload?.abort().catch(() => {});
      this.hasher?.terminate();
      // The same file again goes on from where it stopped; another takes the place of this one.
      if (!same && this.state !== "offered") this.remove(this.address);
      // Whoever else listens for the change may still read the file; the form then sends its name only.
      setTimeout(() => { this.input.value = ""; });
      Object.assign(this, { file, digest: "", samples: [], own: null, found: null });
      this.hidden.value = "";
      this.title(file.name);
      this.bar.value = 0;
      this.hash();
      this.upload = new tus.Upload(file, {
        endpoint: this.input.dataset.tus, chunkSize: Number(this.input.dataset.part) || PART, retryDelays: RETRIES, headers: this.headers,
        metadata: { filename: file.name, field: this.input.name },
        fingerprint: async () => ["daig", this.input.name, file.name, file.size, file.lastModified].join("-"),
        onAfterResponse: (_, answer) => { this.digest = answer.getHeader("Upload-Sha256") || this.digest; },
        onProgress: (sent, total) => this.progress(sent, total),
        onShouldRetry: (error) => this.mayRetry(error),
        onSuccess: () => this.arrived(),
        onError: (error) => this.failed(error),
      });
      this.show("queued", "Waits for the other files.", size(file.size));
      pump();
    }

    async begin() {
      this.show("sending", "Uploading.", size(this.file.size));
      const upload = this.upload;
      if (!upload.url) {
        const earlier = (await upload.findPreviousUploads()).at(-1);
        if (earlier) upload.resumeFromPreviousUpload(earlier);
      }
      if (this.upload === upload && this.state === "sending") upload.start();
    }

    progress(sent, total) {
      if (this.state !== "sending") return;
      const now = performance.now() / 1000;
      this.samples = [...this.samples.filter(([at]) => at > now - SPEED_SECONDS), [now, sent]];
      const [began, first] = this.samples[0], speed = (sent - first) / (now - began);
      this.bar.value = total ? sent / total : 1;
      const parts = [`${percent(sent, total)} %`, `${size(sent)} of ${size(total)}`];
      if (speed > 0 && now - began > 0.5) parts.push(`${size(speed)}/s`, `${span((total - sent) / speed)} left`);
      this.figures.textContent = parts.join(" · ");
      if (this.words.textContent !== "Uploading.") this.words.textContent = "Uploading.";
    }

    mayRetry(error) {
      const status = error.originalResponse?.getStatus() || 0;
      const again = !status || status >= 500 || [408, 409, 423, 429].includes(status);
      if (again && this.state === "sending") {
        this.samples = [];
        this.words.textContent = status ? "The server is busy. It goes on by itself in a moment." : "The connection broke. It goes on by itself.";
      }
      return again;
    }

    async arrived() {
      this.bar.value = 1;
      this.show("checking", "All bytes are there. Comparing checksums.", size(this.file.size));
      const upload = this.upload, own = await this.hashing;
      if (this.upload !== upload) return;
      if (own && this.digest && own !== this.digest) {
        upload.abort(true).catch(() => {});
        return this.show("failed", "The file arrived damaged: its checksum is another. Try again.", size(this.file.size));
      }
      this.adopt(upload.url.split("/").pop(), own && this.digest ? "Uploaded, the checksum matches." : "Uploaded.");
    }

    adopt(name, sentence) {
      this.hidden.value = name;
      this.bar.value = 1;
      this.show("done", sentence, size(this.file?.size ?? this.found.size));
    }

    failed(error) {
      let sentence = "The server cannot be reached. What has arrived stays there: try again, also later.";
      if (error.originalResponse) {
        try { sentence = JSON.parse(error.originalResponse.getBody()).sentence; } catch { sentence = "The server refused this file."; }
      }
      this.show("failed", sentence, this.figures.textContent);
      if (waiting?.form === this.form) waiting = null;
    }

    pressed() {
      if (this.state === "offered") return this.adopt(this.found.name, "Uploaded.");
      if (this.state === "sending" || this.state === "queued") {
        this.upload.abort().catch(() => {});
        return this.show("paused", "Paused.", this.figures.textContent);
      }
      this.samples = [];
      this.show("queued", "Waits for the other files.", this.figures.textContent);
      pump();
    }

    async cancel() {
      const address = this.address;
      this.hasher?.terminate();
      await this.upload?.abort().catch(() => {});
      Object.assign(this, { upload: null, file: null, found: null, state: "none" });
      this.hidden.value = "";
      this.box.hidden = true;
      this.words.textContent = "";
      this.input.required = this.required;
      this.input.removeAttribute("data-chosen");
      this.input.focus();
      pump();
      this.remove(address);
    }

    remove(address) {
      if (address) fetch(address, { method: "DELETE", headers: { ...this.headers, "Tus-Resumable": "1.0.0" } }).catch(() => {});
    }

    hash() { // beside the page, so that neither waits for the other
      this.hashing = new Promise((resolve) => {
        this.hasher = new Worker(script.dataset.hasher);
        this.hasher.onmessage = ({ data }) => { this.hasher.terminate(); resolve(data); };
        this.hasher.onerror = () => resolve("");
        this.hasher.postMessage(this.file);
      });
    }

    offer(found) {
      this.found = found;
      this.title(found.filename);
      this.bar.value = found.size ? found.offset / found.size : 1;
      if (this.hidden.value === found.name && found.is_whole) return this.adopt(found.name, "Uploaded.");
      this.show("offered", found.is_whole ? "It is here from earlier and in no project yet." : "Not complete. Choose the same file again, and it goes on from here.",
        `${percent(found.offset, found.size)} % of ${size(found.size)}`);
    }
  }

  function pump() {
    const next = fields.find((field) => field.state === "queued");
    if (next && fields.filter((field) => field.state === "sending").length < AT_ONCE) next.begin();
    if (waiting && !fields.some((field) => field.form === waiting.form && field.isOpen)) {
      const { form, submitter, note } = waiting;
      waiting = null;
      note.remove();
      form.requestSubmit(submitter);
    }
  }

  function submitted(event) {
    const open = fields.filter((field) => field.form === event.target && field.isOpen);
    if (!open.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    waiting?.note.remove();
    const stuck = open.find((field) => ["paused", "failed"].includes(field.state));
    if (stuck) {
      waiting = null;
      stuck.go.focus();
      return stuck.show(stuck.state, `${stuck.name.textContent} is not uploaded yet: go on, or cancel it.`, stuck.figures.textContent);
    }
    const note = make("p", { className: "upload-waiting", textContent: "The form is sent as soon as its files are there." });
    note.setAttribute("role", "status");
    (event.submitter || event.target.lastElementChild).before(note);
    waiting = { form: event.target, submitter: event.submitter, note };
  }

  async function earlier() { // what the server has of uploads that were not gone on with, the newest of each field
    const answer = await fetch(inputs[0].dataset.tus).catch(() => null);
    if (!answer?.ok) return;
    for (const found of (await answer.json()).uploads.reverse()) {
      const pair = found.metadata.split(",").map((one) => one.trim().split(" ")).find(([key]) => key === "field");
      const field = pair && fields.find((one) => one.input.name === atob(pair[1] || ""));
      if (field && field.state === "none") field.offer(found);
    }
    for (const stored of await tus.defaultOptions.urlStorage.findAllUploads()) {
      if (Date.now() - new Date(stored.creationTime) > KEPT_MS) tus.defaultOptions.urlStorage.removeUpload(stored.urlStorageKey);
    }
  }

  const fields = inputs.map((input) => new Field(input));
  document.addEventListener("submit", submitted, true);
  window.addEventListener("online", () => fields.filter((field) => field.state === "failed" && field.file).forEach((field) => field.pressed()));
  earlier();
})();
