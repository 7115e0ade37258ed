// Help for the new-project form: optimizer steps as you type, what stands in the first bytes of the files. All works without it.
"use strict";
{ // Names of its own: pages load other scripts beside this one.
  const form = document.getElementById("project-form");
  const line = form && form.querySelector("[data-steps]");
  const field = (id) => document.getElementById(id);
  const value = (id) => Math.floor(Number(field(id).value || field(id).placeholder)) || 0; // what is empty is what is chosen
  const plural = (count, word) => `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : word.endsWith("ch") ? "es" : "s"}`;

  function steps() {
    const [examples, batch, k, epochs] = ["examples", "batch_size", "k", "epochs"].map(value);
    const output = line.querySelector("output");
    if (!(examples && batch && k)) return void (output.textContent = "an epoch would have … (say batch size and K)");
    const miniBatches = Math.ceil(examples / batch), perEpoch = Math.ceil(miniBatches / k);
    output.textContent = `an epoch has ${plural(miniBatches, "mini-batch")} and ${plural(perEpoch, "optimizer step")}` + (!epochs ? "." :
      `: ${(perEpoch * epochs).toLocaleString("en-US")} in all, where model.fit would take ${(miniBatches * epochs).toLocaleString("en-US")}.`);
  }

  async function look(file) { // The rows stand in the header of a .npy file, the columns in the first line of a CSV.
    const start = await file.slice(0, 16384).arrayBuffer();
    const shape = /^.NUMPY[^]*?'shape': \((\d+)/.exec(new TextDecoder("latin1").decode(start));
    if (shape) {
      const share = field("validation_data").files.length ? 0 : Number(field("validation_fraction").value || field("validation_fraction").placeholder) || 0;
      field("examples").value = Number(shape[1]) - Math.floor(Number(shape[1]) * share);
      steps();
    }
    const list = field("label_columns");
    if (list && /\.(csv|tsv|txt)$/i.test(file.name)) {
      const [first] = new TextDecoder().decode(start).split(/\r?\n/);
      const names = first.split(first.includes("\t") ? "\t" : first.includes(";") ? ";" : ",").map((name) => name.replace(/^"|"$/g, "").trim());
      list.replaceChildren(...names.filter(Boolean).map((name) => new Option(name, name)));
    }
  }

  function metrics() {
    const names = [...form.querySelectorAll("[name=metrics]:checked")].map((box) => box.value.replaceAll("_", " "));
    const words = field("metrics-chosen");
    words.textContent = names.join(", ") || words.dataset.empty;
  }

  if (form) {
    line.hidden = false;
    for (const button of form.querySelectorAll("[data-fill]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        field(button.dataset.fill).value = button.dataset.value;
        button.parentElement.remove();
        steps();
      });
    }
    form.addEventListener("input", () => { steps(); metrics(); });
    field("data").addEventListener("change", ({ target }) => target.files[0] && look(target.files[0]));
    steps();
  }
}
