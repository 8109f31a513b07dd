// A folded cell is named by the words that are seen on it, to those who hear the page too.
document.addEventListener("DOMContentLoaded", () => {
  for (const fold of document.querySelectorAll("summary[aria-label]")) fold.removeAttribute("aria-label");
});
