// Copy buttons; they stay hidden where the browser gives no clipboard (plain http on another machine).
"use strict";
if (navigator.clipboard) {
  document.documentElement.classList.add("can-copy");
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  // At the document: a page that is kept up to date may put other buttons in.
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
