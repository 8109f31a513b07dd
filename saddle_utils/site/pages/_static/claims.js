// The claims that contain every word of the search, and how many they are.
const field = document.querySelector(".claims-filter");
const rows = [...document.querySelectorAll(".claims tbody tr")];
const count = document.querySelector(".claims-count");
function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) shown++;
  }
  count.textContent = `${shown} of ${rows.length} claims`;
}
field.addEventListener("input", search);
search();
